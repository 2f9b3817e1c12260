import type { ReactNode } from 'react';
import { Refusal } from './api';
import type { Hop, Kind } from './way';

/** A refusal, or a failure, in its sentences. */
export function Sentences({ error }: { readonly error: unknown }) {
  const sentences = error instanceof Refusal ? error.sentences : [String(error)];
  const [first, ...rest] = sentences;
  return (
    <div className="notice bad" role="alert">
      <p>
        <strong>{first}</strong>
      </p>
      {rest.map((one) => (
        <p key={one}>{one}</p>
      ))}
    </div>
  );
}

export const Tag = ({ kind }: { readonly kind: Kind }) => (
  <span className={`tag ${kind}`}>{kind}</span>
);

export const HopLine = ({ hop: { kind, contract, from, to } }: { readonly hop: Hop }) => (
  <li className="hop">
    <Tag kind={kind} /> <code>{contract}</code>{' '}
    <span className="dim">
      {from} → {to === from ? 'itself' : to}
    </span>
  </li>
);

export const Section = ({
  id,
  title,
  children,
}: {
  readonly id: string;
  readonly title: string;
  readonly children: ReactNode;
}) => (
  <section id={id} className="panel" aria-labelledby={`${id}-title`}>
    <h2 id={`${id}-title`} tabIndex={-1}>
      {title}
    </h2>
    {children}
  </section>
);
