import { NumberInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ask } from '../api/client';
import * as queries from '../api/queries';
import type { DeadLetterGroup, ReplayRun } from '../api/types';
import { Decision, Reason } from '../shared/decision';
import { Dialog } from '../shared/dialog';
import { counted } from '../shared/format';
import { Ago, Change, Notice, Panel, Tag } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { runsIn } from './letters';

const MOST = 1_000;
const TONES = { running: 'plain', done: 'good', relapsed: 'bad', cancelled: 'warn' } as const;

type RunRow = ReplayRun & { readonly service: string };

/** Begins a replay of a cause in steps: one for each of its subscriptions. */
export function CanaryDialog({
  group: { service, group, error, cause, count, subscriptions },
  close,
}: {
  readonly group: DeadLetterGroup & { readonly service: string };
  readonly close: () => void;
}) {
  const [rate, setRate] = useState<number | string>(10);
  const [reason, setReason] = useState('');
  const client = useQueryClient();
  const begin = useMutation({
    mutationFn: async () => {
      for (const subscription of subscriptions)
        await ask(`dead-letters/${encodeURIComponent(service)}/runs`, {
          method: 'POST',
          body: { subscription, group, rate: Number(rate), reason: reason.trim() },
        });
    },
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['dead-letters'] }),
  });
  const problem = problemOf(reason, Number(rate));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (problem === undefined) begin.mutate();
  };
  return (
    <Dialog close={close} title={`Replay ${counted(count, 'letter')} in steps`}>
      <form className="stack" onSubmit={submit}>
        <p>
          {error}: {cause}
        </p>
        <p className="dim">
          1 letter, then 5, then 25, then all. Each step waits until its letters were handled; the
          first that dies again stops it, and the rest is left alone. It goes on without this page.
        </p>
        <NumberInput
          label="Letters a second"
          min={0.5}
          max={MOST}
          value={rate}
          onChange={setRate}
        />
        <Reason value={reason} set={setReason} />
        {begin.error && <Notice tone="bad">{begin.error.message}</Notice>}
        <Decision problem={problem} isPending={begin.isPending} close={close}>
          Begin with 1 letter
        </Decision>
      </form>
    </Dialog>
  );
}

function problemOf(reason: string, rate: number): string | undefined {
  if (reason.trim() === '') return 'Say why: what was mended?';
  return rate >= 0.5 && rate <= MOST ? undefined : `The rate is 0.5 to ${MOST} letters a second.`;
}

/** Replays in steps: those under way, and the latest that are over. */
export function Runs() {
  const { data = [] } = useQuery(queries.replayRuns());
  const [chosen, choose] = useState<RunRow>();
  const rows = runsIn(data);
  if (rows.length === 0) return null;
  const columns: readonly Column<RunRow>[] = [
    {
      header: 'Run',
      kind: 'tight',
      cell: ({ service, id, state }) => (
        <span className="row">
          {service}/{id} <Tag tone={TONES[state]}>{state}</Tag>
        </span>
      ),
    },
    { header: 'Subscription', cell: ({ subscription }) => subscription },
    {
      header: 'How far',
      cell: ({ state, step, steps, progress, outcome }) =>
        state === 'running' ? `step ${step} of ${steps}: ${progress}` : outcome,
    },
    { header: 'Who', cell: ({ who, reason }) => `${who}: ${reason ?? ''}` },
    { header: 'Began', kind: 'number', cell: ({ began }) => <Ago at={began} /> },
    {
      header: 'Decide',
      kind: 'last',
      cell: (run) =>
        run.state === 'running' ? (
          <Change
            size="compact-xs"
            variant="default"
            onClick={() => choose(run)}
            aria-label={`Cancel run ${run.service}/${run.id}`}
          >
            Cancel …
          </Change>
        ) : undefined,
    },
  ];
  return (
    <Panel title="Replays in steps">
      <Table
        caption="Replays in steps"
        columns={columns}
        rows={rows}
        keyOf={({ service, id }) => `${service}/${id}`}
      />
      {chosen && <CancelDialog run={chosen} close={() => choose(undefined)} />}
    </Panel>
  );
}

function CancelDialog({ run, close }: { readonly run: RunRow; readonly close: () => void }) {
  const [reason, setReason] = useState('');
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () =>
      ask(`dead-letters/${encodeURIComponent(run.service)}/runs/${run.id}/cancel`, {
        method: 'POST',
        body: { reason: reason.trim() },
      }),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['dead-letters'] }),
  });
  const isMissing = reason.trim() === '';
  return (
    <Dialog close={close} title={`Cancel run ${run.service}/${run.id}`}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isMissing) cancel.mutate();
        }}
      >
        <p>What it replayed stays replayed; the letters that it did not take stay as they are.</p>
        <Reason value={reason} set={setReason} />
        {cancel.error && <Notice tone="bad">{cancel.error.message}</Notice>}
        <Decision
          problem={isMissing ? 'Say why.' : undefined}
          isPending={cancel.isPending}
          close={close}
          back="Close"
        >
          Cancel the run
        </Decision>
      </form>
    </Dialog>
  );
}
