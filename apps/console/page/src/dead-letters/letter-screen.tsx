import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { ApiError } from '../api/client';
import * as queries from '../api/queries';
import type { DeadLetter, ReplayPreview } from '../api/types';
import { count, moment, pretty } from '../shared/format';
import { Ago, Answer, Change, Heading, Notice, Panel, Refusal } from '../shared/parts';
import { AuditTable } from './audit-table';
import { DecisionDialog } from './decision-dialog';
import { Preview } from './preview';

const route = getRouteApi('/dead-letters/$service/$id');
const Editor = lazy(() => import('./editor'));

type Found = DeadLetter & { readonly replay: ReplayPreview };

/** One letter, whole: what it is, why it died, what a replay would do. */
export function LetterScreen() {
  const { service, id } = route.useParams();
  // A letter of another address begins anew.
  return <Letter key={`${service}/${id}`} service={service} id={id} />;
}

interface Name {
  readonly service: string;
  readonly id: string;
}

function Letter({ service, id }: Name) {
  const asked = useQuery(queries.deadLetter(service, id));
  const [done, setDone] = useState<string>();
  const isGone = asked.error instanceof ApiError && asked.error.status === 404;
  return (
    <>
      <Heading title={`Dead letter ${service}/${id}`}>
        <Link to="/dead-letters" search={{ view: 'letters', service }}>
          All of {service}
        </Link>
      </Heading>
      {done !== undefined && (
        <Notice tone="good">
          {done}{' '}
          <Link to="/dead-letters" search={{}}>
            Back to the dead letters
          </Link>
        </Notice>
      )}
      {isGone ? (
        done === undefined && (
          <Notice>
            It is not there any more, or never was: the audit below tells who replayed or discarded
            it.
          </Notice>
        )
      ) : (
        <Answer of={asked}>
          {(letter) => <Whole service={service} letter={letter} tell={setDone} />}
        </Answer>
      )}
      <AuditOfLetter service={service} id={id} />
    </>
  );
}

function Whole({
  service,
  letter,
  tell,
}: {
  readonly service: string;
  readonly letter: Found;
  readonly tell: (what: string) => void;
}) {
  const { id, headers, failure, died, edits, subscription, group, replay } = letter;
  const [open, setOpen] = useState<'replay' | 'discard' | 'edit'>();
  return (
    <>
      <Panel
        title={`${failure.error}: ${failure.message.split('\n', 1)[0]}`}
        end={
          <>
            <Change onClick={() => setOpen('replay')}>Replay …</Change>
            <Change
              variant="default"
              disabled={letter.body === undefined}
              title={letter.body === undefined ? 'Its body is no text.' : undefined}
              onClick={() => setOpen('edit')}
            >
              Edit …
            </Change>
            <Change variant="default" onClick={() => setOpen('discard')}>
              Discard …
            </Change>
          </>
        }
      >
        <Refusal />
        <div className="pair">
          <dl className="facts">
            <dt>Contract</dt>
            <dd>
              <Link to="/contracts/$name" params={{ name: headers['type'] ?? '' }}>
                {headers['type']}
              </Link>{' '}
              version {headers['contractversion']}
            </dd>
            <dt>Subscription</dt>
            <dd>{subscription}</dd>
            <dt>Died</dt>
            <dd>
              {moment(died)} (<Ago at={died} />) in {failure.instance}
            </dd>
            <dt>Tries</dt>
            <dd>
              {count(failure.tries)} since {moment(failure.firstFailedAt)}
            </dd>
            <dt>Sent by</dt>
            <dd>
              {[
                headers['source']?.replace(/^\//, ''),
                headers['producerinstance'],
                headers['producerbuild'],
              ]
                .filter((part) => part !== undefined)
                .join(', ') || 'not known'}
            </dd>
            {headers['id'] !== undefined && (
              <>
                <dt>Message</dt>
                <dd>
                  <Link to="/messages/$id" params={{ id: headers['id'] }}>
                    its handlings
                  </Link>
                  {headers['correlationid'] !== undefined && (
                    <>
                      ,{' '}
                      <Link
                        to="/conversations/$correlation"
                        params={{ correlation: headers['correlationid'] }}
                      >
                        its conversation
                      </Link>
                    </>
                  )}
                </dd>
              </>
            )}
            <dt>Cause</dt>
            <dd>
              <Link to="/dead-letters" search={{ view: 'letters', service, group }}>
                letters of the same cause
              </Link>
            </dd>
            {edits > 0 && (
              <>
                <dt>Edits</dt>
                <dd>{count(edits)}</dd>
              </>
            )}
          </dl>
          <Preview of={replay} service={service} />
        </div>
      </Panel>
      {open === 'edit' && letter.body !== undefined ? (
        <Suspense fallback={<p className="dim">Loading the editor …</p>}>
          <Editor
            service={service}
            letter={{ ...letter, body: letter.body }}
            close={() => setOpen(undefined)}
            tell={tell}
          />
        </Suspense>
      ) : (
        <Panel title="Body">
          <pre tabIndex={0} aria-label="Body">
            {letter.body === undefined ? letter.bodyBase64 : pretty(letter.body)}
          </pre>
          {letter.body === undefined && <p className="dim">It is no text: shown as base64.</p>}
        </Panel>
      )}
      <div className="pair">
        <Panel title="Failure">
          <pre tabIndex={0} aria-label="Failure with its stack">
            {failure.stack || `${failure.error}: ${failure.message}`}
          </pre>
        </Panel>
        <Panel title="Headers">
          <dl className="facts">
            {Object.entries(headers).map(([name, value]) => [
              <dt key={name}>{name}</dt>,
              <dd key={`${name} value`} className="mono">
                {value}
              </dd>,
            ])}
          </dl>
        </Panel>
      </div>
      {(open === 'replay' || open === 'discard') && (
        <DecisionDialog
          action={open}
          letter={{ service, id, replay }}
          close={() => setOpen(undefined)}
          tell={tell}
        />
      )}
    </>
  );
}

function AuditOfLetter({ service, id }: Name) {
  const asked = useQuery(queries.audit({ service, letter: id, limit: 50 }));
  return (
    <Panel title="What operators did with it">
      <Answer of={asked}>{(answers) => <AuditTable answers={answers} />}</Answer>
    </Panel>
  );
}
