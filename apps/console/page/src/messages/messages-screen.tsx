import { Button, NativeSelect, Switch } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import * as queries from '../api/queries';
import type { KeptMessage } from '../api/types';
import { KINDS } from '../contracts/catalogue';
import { FilterBar } from '../shared/filter-bar';
import { counted, moment } from '../shared/format';
import { Ago, Answer, Heading, Notice, Panel, Tag } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { timeIn } from '../shared/url-state';
import { Fates } from './fates';
import { OUTCOMES } from './outcomes';

const route = getRouteApi('/messages');
const LIMIT = 50;

const FIELDS = [
  { name: 'text', label: 'Words of the body', placeholder: 'tea-1' },
  { name: 'key', label: 'Key' },
  { name: 'contract', label: 'Contract' },
  { name: 'service', label: 'Said or handled by' },
  { name: 'error', label: 'Error class' },
  { name: 'id', label: 'Message id' },
  { name: 'correlation', label: 'Conversation' },
  { name: 'from', label: 'Said since', placeholder: '2h, 2026-11-23T09:00' },
  { name: 'to', label: 'Said until', placeholder: '30m' },
];

const COLUMNS: readonly Column<KeptMessage>[] = [
  { header: 'Said', cell: ({ sent }) => <Ago at={sent} />, kind: 'number' },
  {
    header: 'Message',
    cell: ({ id, contract }) => (
      <Link to="/messages/$id" params={{ id }} title={id}>
        {contract}
      </Link>
    ),
  },
  { header: 'Kind', cell: ({ kind }) => <Tag tone={kind}>{kind}</Tag>, kind: 'tight' },
  { header: 'Key', cell: ({ key }) => key ?? undefined },
  { header: 'Said by', cell: ({ source }) => source, kind: 'tight' },
  { header: 'Handled by', cell: (message) => <Fates of={message} /> },
  {
    header: 'Conversation',
    kind: 'last',
    cell: ({ correlation, contract, sent }) =>
      correlation === null ? undefined : (
        <Link
          to="/conversations/$correlation"
          params={{ correlation }}
          aria-label={`Conversation of ${contract} at ${moment(sent)}`}
        >
          conversation
        </Link>
      ),
  },
];

/** The messages that were handled: a search, or the last ones as they come. */
export function MessagesScreen() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { live, after, from, to, ...filter } = search;
  const isLive = live === 'true';
  const wrong = [from, to].some((time) => time !== undefined && timeIn(time, 0) === undefined);
  // Another search begins with its first page.
  const apply = (values: Partial<Record<keyof typeof search, string | undefined>>) =>
    void navigate({ search: (old) => ({ ...old, after: undefined, ...values }) });
  return (
    <>
      <Heading title="Messages" />
      <FilterBar fields={FIELDS} values={search} apply={apply}>
        <NativeSelect
          size="xs"
          label="Outcome"
          data={[{ value: '', label: 'any' }, ...OUTCOMES]}
          value={search.outcome ?? ''}
          onChange={({ currentTarget: { value } }) => apply({ outcome: value || undefined })}
        />
        <NativeSelect
          size="xs"
          label="Kind"
          data={[{ value: '', label: 'all' }, ...KINDS]}
          value={search.kind ?? ''}
          onChange={({ currentTarget: { value } }) => apply({ kind: value || undefined })}
        />
        <Switch
          label="Live"
          checked={isLive}
          onChange={({ currentTarget: { checked } }) =>
            apply({ live: checked ? 'true' : undefined })
          }
        />
      </FilterBar>
      {wrong ? (
        <Notice tone="bad">
          A time is written 2026-11-23T09:00, or as so long ago: 2h, 30m, 3d.
        </Notice>
      ) : (
        <Found filter={{ ...filter, after }} times={{ from, to }} isLive={isLive} />
      )}
    </>
  );
}

function Found({
  filter,
  times: { from, to },
  isLive,
}: {
  readonly filter: Readonly<Record<string, string | undefined>>;
  readonly times: { readonly from?: string | undefined; readonly to?: string | undefined };
  readonly isLive: boolean;
}) {
  // By the minute: a span ago is another time at each look, and the question would never be the same.
  const now = Math.floor(Date.now() / 60_000) * 60_000;
  const asked = useQuery(
    queries.messages(
      {
        ...filter,
        from: from === undefined ? undefined : timeIn(from, now),
        to: to === undefined ? undefined : timeIn(to, now),
        limit: LIMIT,
      },
      isLive,
    ),
  );
  const refusal = asked.error;
  if (refusal && 'status' in refusal && refusal.status === 503)
    return <Notice tone="warn">{refusal.message}</Notice>;
  return (
    <Answer of={asked}>
      {({ messages, next, through }) => (
        <>
          {messages.length === 0 ? (
            <Notice>
              {next === undefined
                ? 'No message that is kept fits. Kept are messages that services send to the console (npm start -- --messages).'
                : 'None so far: the search goes on with older ones.'}
            </Notice>
          ) : (
            <Panel title={counted(messages.length, 'message')}>
              <Table caption="Messages" columns={COLUMNS} rows={messages} keyOf={({ id }) => id} />
            </Panel>
          )}
          {next !== undefined && !isLive && (
            <p className="row">
              <Button
                size="xs"
                variant="default"
                renderRoot={(props) => (
                  <Link {...props} to="/messages" search={(old) => ({ ...old, after: next })} />
                )}
              >
                Older ones
              </Button>
              {through !== undefined && <span className="dim">before {moment(through)}</span>}
            </p>
          )}
        </>
      )}
    </Answer>
  );
}
