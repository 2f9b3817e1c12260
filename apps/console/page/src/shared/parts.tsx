import { Button, type ButtonProps, Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import {
  type ComponentPropsWithoutRef,
  type ReactNode,
  useEffect,
  useId,
  useSyncExternalStore,
} from 'react';
import * as queries from '../api/queries';
import { ago, count, moment } from './format';

export type Tone = 'bad' | 'warn' | 'good' | 'plain';

export const Tag = ({
  tone,
  children,
}: {
  readonly tone: string;
  readonly children: ReactNode;
}) => <span className={`tag ${tone}`}>{children}</span>;

export const Notice = ({
  tone,
  children,
}: {
  readonly tone?: Tone;
  readonly children: ReactNode;
}) => (
  <div className={`notice ${tone ?? ''}`} role={tone === 'bad' ? 'alert' : 'status'}>
    {children}
  </div>
);

/** A number of which zero is no news; any other is bold where it is bad. */
export const Figure = ({ of, tone }: { readonly of: number; readonly tone?: 'bad' | 'warn' }) => (
  <span className={of === 0 ? 'zero' : tone ? `${tone}-text` : undefined}>{count(of)}</span>
);

let now = Date.now();
const clocks = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const tick of clocks) tick();
}, 1_000);
function onTick(tick: () => void): () => void {
  clocks.add(tick);
  return () => void clocks.delete(tick);
}
export const useNow = (): number => useSyncExternalStore(onTick, () => now);

/** The age of a point in time; its tooltip has the exact time. */
export function Ago({ at }: { readonly at: string }) {
  const passed = ago(at, useNow());
  return (
    <time dateTime={at} title={moment(at)} className="nowrap">
      {passed ?? at}
    </time>
  );
}

/** The state of a question: it is asked, it failed, or its answer is shown. */
export function Answer<T>({
  of: { data, error, isPending },
  children,
}: {
  readonly of: {
    readonly data: T | undefined;
    readonly error: Error | null;
    readonly isPending: boolean;
  };
  readonly children: (data: T) => ReactNode;
}) {
  return (
    <>
      {error && (
        <Notice tone="bad">
          {error.message}
          {data !== undefined && ' What is shown is of before; the page asks again by itself.'}
        </Notice>
      )}
      {isPending && !error && (
        <div className="row dim" role="status">
          <Loader size="xs" aria-hidden /> Asking the services …
        </div>
      )}
      {data !== undefined && children(data)}
    </>
  );
}

export function Panel({
  title,
  end,
  children,
}: {
  readonly title: string;
  readonly end?: ReactNode;
  readonly children: ReactNode;
}) {
  const id = useId();
  return (
    <section className="panel" aria-labelledby={id}>
      <div className="head">
        <h2 id={id}>{title}</h2>
        {end && <div className="end">{end}</div>}
      </div>
      {children}
    </section>
  );
}

/** The heading of a screen, which is also the title of the document. */
export function Heading({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Parley console`;
  }, [title]);
  return (
    <div className="head">
      <h1>{title}</h1>
      {children}
    </div>
  );
}

/** The operator's permission to change something or, without it, the reason. */
function useRefusal(): string | undefined {
  const { data } = useQuery(queries.me());
  if (!data || data.role === 'operator') return undefined;
  return `${data.name} is a viewer, who reads; changes need the role operator.`;
}

type Asked = ButtonProps & Omit<ComponentPropsWithoutRef<'button'>, keyof ButtonProps>;

/**
 * A button that changes something. It can be reached but not pressed by those who may not, and says
 * why.
 */
export function Change({ disabled, onClick, title, ...rest }: Asked) {
  const refusal = useRefusal();
  const isOff = refusal !== undefined || disabled;
  return (
    <Button
      size="xs"
      {...rest}
      {...(refusal === undefined ? { disabled } : { 'data-disabled': true, 'aria-disabled': true })}
      title={refusal ?? title}
      onClick={isOff ? (event) => event.preventDefault() : onClick}
    />
  );
}

/** The reason, in words, beside changes that are off. */
export function Refusal() {
  const refusal = useRefusal();
  return refusal === undefined ? null : <p className="dim">{refusal}</p>;
}

/** Services that did not answer, in one sentence. */
export const Unanswered = ({ services }: { readonly services: readonly string[] }) =>
  services.length === 0 ? null : (
    <Notice tone="warn">
      No answer from {services.join(', ')}: what {services.length === 1 ? 'it has' : 'they have'} is
      missing here.
    </Notice>
  );
