import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import * as queries from '../api/queries';
import type { KeptMessage } from '../api/types';
import { counted, milliseconds, moment } from '../shared/format';
import { Answer, Heading, Notice, Panel, Tag } from '../shared/parts';
import { type Cause, causesIn, sequenceOf } from './conversation';
import { Fates } from './fates';
import { Sequence } from './sequence';

const route = getRouteApi('/conversations/$correlation');

/** All messages that follow from one request from outside. */
export function ConversationScreen() {
  const { correlation } = route.useParams();
  const asked = useQuery(queries.conversation(correlation));
  return (
    <>
      <Heading title="Conversation">
        <span className="mono">{correlation}</span>
      </Heading>
      <Answer of={asked}>
        {(messages) =>
          messages.length === 0 ? (
            <Notice>No message of it is kept: nobody has handled one, or it is too old.</Notice>
          ) : (
            <Whole messages={messages} />
          )
        }
      </Answer>
    </>
  );
}

function Whole({ messages }: { readonly messages: readonly KeptMessage[] }) {
  const traces = [...new Set(messages.flatMap(({ trace }) => trace ?? []))];
  return (
    <>
      <Panel title="Sequence">
        <Sequence of={sequenceOf(messages)} />
      </Panel>
      <Panel title={`What led to what: ${counted(messages.length, 'message')}`}>
        <Causes of={causesIn(messages)} since={messages[0]!.sent} />
      </Panel>
      {traces.length > 0 && (
        <Panel title={counted(traces.length, 'trace')}>
          <ul className="plain">
            {traces.map((id) => (
              <li key={id} className="mono">
                <Link to="/traces/$id" params={{ id }}>
                  {id}
                </Link>
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </>
  );
}

function Causes({ of, since }: { readonly of: readonly Cause[]; readonly since: string }) {
  return (
    <ul className="causes">
      {of.map(({ message, effects }) => {
        const { id, contract, kind, source, sent } = message;
        return (
          <li key={id}>
            <div className="row">
              <Link to="/messages/$id" params={{ id }}>
                {contract}
              </Link>
              <Tag tone={kind}>{kind}</Tag>
              <span className="dim" title={moment(sent)}>
                sent by {source}, {milliseconds(Date.parse(sent) - Date.parse(since))} after the
                first
              </span>
              <Fates of={message} />
            </div>
            {effects.length > 0 && <Causes of={effects} since={since} />}
          </li>
        );
      })}
    </ul>
  );
}
