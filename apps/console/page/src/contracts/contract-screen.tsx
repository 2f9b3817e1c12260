import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import * as queries from '../api/queries';
import type { CatalogueEntry, Explained } from '../api/types';
import { Answer, Heading, Notice, Panel, Tag } from '../shared/parts';
import { policiesOf } from './catalogue';

const route = getRouteApi('/contracts/$name');

/** One contract: the route of its messages from the senders to the handlers, with the reasons. */
export function ContractScreen() {
  const { name } = route.useParams();
  const catalogue = useQuery(queries.catalogue());
  const explained = useQuery(queries.explained(name));
  return (
    <>
      <Heading title={name}>
        <Link to="/contracts" search={{}}>
          All contracts
        </Link>
      </Heading>
      <Answer of={catalogue}>
        {({ contracts }) => {
          const entry = contracts.find((one) => one.name === name);
          if (!entry) return <Notice tone="warn">No service that runs knows it.</Notice>;
          return (
            <>
              <Facts of={entry} />
              <Answer of={explained}>{(answers) => <Way of={entry} answers={answers} />}</Answer>
            </>
          );
        }}
      </Answer>
    </>
  );
}

const Facts = ({
  of: { name, kind, owner, version, key, senders },
}: {
  readonly of: CatalogueEntry;
}) => (
  <Panel title="What it is">
    <dl className="facts">
      <dt>Kind</dt>
      <dd>
        <Tag tone={kind}>{kind}</Tag>
      </dd>
      <dt>Owner</dt>
      <dd>{owner}</dd>
      <dt>Version</dt>
      <dd>{version}</dd>
      {key !== undefined && (
        <>
          <dt>Key</dt>
          <dd className="mono">{key}</dd>
        </>
      )}
      <dt>Sent by</dt>
      <dd>{senders.join(', ') || 'nobody'}</dd>
      <dt>Trouble</dt>
      <dd>
        <Link to="/dead-letters" search={{ view: 'letters', contract: name }}>
          dead letters of it
        </Link>
      </dd>
    </dl>
  </Panel>
);

function Way({
  of,
  answers,
}: {
  readonly of: CatalogueEntry;
  readonly answers: readonly Explained[];
}) {
  const known = answers.flatMap((one) => ('error' in one ? [] : [one]));
  const senders = known.flatMap(({ service, says }) =>
    says && of.senders.includes(service) ? [{ service, ...says }] : [],
  );
  const handlers = known.flatMap(({ service, handlers: own }) =>
    own.map((handler) => ({ ...handler, service })),
  );
  return (
    <div className="pair">
      <Panel title="On its way">
        {senders.length === 0 && <p className="dim">Nobody who runs sends it.</p>}
        {senders.map(({ service, technology, address, hops }) => (
          <div key={service} className="stack">
            <h3>
              {service}: {technology} at <span className="mono">{address}</span>
            </h3>
            <ol className="timeline">
              {hops.map(({ what, name, why }) => (
                <li key={`${what} ${name}`}>
                  <strong>{what}</strong> {name}
                  <div className="dim">{why}</div>
                </li>
              ))}
            </ol>
          </div>
        ))}
      </Panel>
      <Panel title="Its handlers">
        {handlers.length === 0 && <p className="dim">Nobody who runs handles it.</p>}
        {handlers.map((handler) => (
          <div key={`${handler.service} ${handler.subscription} ${handler.handler}`}>
            <h3>{handler.subscription ?? handler.service}</h3>
            <p className="mono">{handler.handler}</p>
            <p className="dim">{policiesOf(handler).join(' · ')}</p>
          </div>
        ))}
      </Panel>
    </div>
  );
}
