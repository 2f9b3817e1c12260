import {
  ActionIcon,
  Button,
  Progress,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet } from '@tanstack/react-router';
import { useEffect, useSyncExternalStore } from 'react';
import * as queries from './api/queries';
import { currentBulk, forgetBulk, stopBulk, subscribeToBulk } from './dead-letters/running-bulk';
import { end } from './session/session';
import { count, counted } from './shared/format';

/** The frame of every screen: navigation, the operator, and work under way. */
export function Frame() {
  return (
    <>
      <a className="skip" href="#content">
        To the content
      </a>
      <header className="top">
        <span className="brand">Parley</span>
        <nav aria-label="Screens">
          <Link to="/" activeOptions={{ exact: true, includeSearch: false }}>
            Services
          </Link>
          <Link to="/messages" activeOptions={{ includeSearch: false }}>
            Messages
          </Link>
          <Link to="/dead-letters" activeOptions={{ includeSearch: false }}>
            Dead letters <DeadLetters />
          </Link>
          <Link to="/sagas" activeOptions={{ includeSearch: false }}>
            Sagas
          </Link>
          <Link to="/map" activeOptions={{ includeSearch: false }}>
            Map
          </Link>
          <Link to="/contracts" activeOptions={{ includeSearch: false }}>
            Contracts
          </Link>
        </nav>
        <Who />
      </header>
      <main id="content" tabIndex={-1}>
        <Outlet />
      </main>
      <Bulk />
    </>
  );
}

function DeadLetters() {
  const { data = [] } = useQuery(queries.deadCounts());
  const all = data.reduce((sum, one) => sum + ('error' in one ? 0 : one.count), 0);
  return all === 0 ? null : <span className="pill">{count(all)}</span>;
}

function Who() {
  const { data } = useQuery(queries.me());
  const { setColorScheme } = useMantineColorScheme();
  const other = useComputedColorScheme('light') === 'dark' ? 'light' : 'dark';
  return (
    <div className="who">
      {data && (
        <span>
          {data.name} <span className="dim">· {data.role}</span>
        </span>
      )}
      <ActionIcon
        variant="default"
        size="sm"
        aria-label={`Show it ${other}`}
        title={`Show it ${other}`}
        onClick={() => setColorScheme(other)}
      >
        <span aria-hidden>◐</span>
      </ActionIcon>
      <Button variant="default" size="compact-xs" onClick={() => end()}>
        Sign out
      </Button>
    </div>
  );
}

const ENDS = {
  running: 'under way',
  stopping: 'stopping',
  done: 'done',
  stopped: 'stopped',
  failed: 'failed',
} as const;

/** A replay or discard of many: it goes on while the operator looks at other screens. */
function Bulk() {
  const running = useSyncExternalStore(subscribeToBulk, currentBulk);
  const client = useQueryClient();
  const decided = running && running.done + running.gone;
  useEffect(() => {
    if (decided !== undefined) void client.invalidateQueries({ queryKey: ['dead-letters'] });
  }, [decided, client]);
  if (!running) return null;
  const { bulk, done, gone, total, state, problem } = running;
  const isOver = state !== 'running' && state !== 'stopping';
  const name = bulk.action === 'replay' ? 'Replay' : 'Discard';
  return (
    <section className="bulk" aria-label={`${name} of many`}>
      <strong>
        {name} {ENDS[state]}
      </strong>
      <Progress
        className="bar"
        value={total === 0 ? 100 : (100 * (done + gone)) / total}
        aria-label={`${name} of many`}
        color={state === 'failed' ? 'red' : 'ink'}
      />
      <span role="status">
        {count(done)} of {counted(total, 'letter')}
        {gone > 0 && `, ${count(gone)} decided by somebody else`}
      </span>
      {problem !== undefined && <span className="bad-text">{problem}</span>}
      {isOver ? (
        <Button size="xs" variant="default" onClick={forgetBulk}>
          Close
        </Button>
      ) : (
        <Button size="xs" variant="default" onClick={stopBulk} disabled={state === 'stopping'}>
          Cancel
        </Button>
      )}
    </section>
  );
}
