import { NumberInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState, useSyncExternalStore } from 'react';
import { ask } from '../api/client';
import type { Previews } from '../api/types';
import { Decision, Reason } from '../shared/decision';
import { Dialog } from '../shared/dialog';
import { count, counted } from '../shared/format';
import { Answer, Figure, Notice } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import type { Action, LetterFilter } from './bulk';
import { type Expected, expectedOf } from './expected';
import { currentBulk, isBusy, startBulk, subscribeToBulk } from './running-bulk';

interface Props {
  readonly action: Action;
  readonly what: string;
  readonly filter: LetterFilter;
  /** The services that have letters that fit. */
  readonly holders: readonly { readonly service: string; readonly count: number }[];
  readonly close: () => void;
}

const MOST = 1_000;

/** Replays or discards many letters, after a dry run. */
export function BulkDialog({ action, what, filter, holders, close }: Props) {
  const total = holders.reduce((sum, one) => sum + one.count, 0);
  const [rate, setRate] = useState<number | string>(10);
  const [limit, setLimit] = useState<number | string>('');
  const [reason, setReason] = useState('');
  useSyncExternalStore(subscribeToBulk, currentBulk);
  const isReplay = action === 'replay';
  const wanted = Math.min(total, Number(limit) || total);
  const problem = problemOf(isReplay, reason, Number(rate));

  function start(event: FormEvent): void {
    event.preventDefault();
    if (problem !== undefined || isBusy()) return;
    const bulk = {
      ...{ action, filter, rate: Number(rate), services: holders.map(({ service }) => service) },
      ...(reason.trim() !== '' && { reason: reason.trim() }),
      ...(Number(limit) > 0 && { limit: Number(limit) }),
    };
    void startBulk(bulk, wanted);
    close();
  }

  return (
    <Dialog close={close} title={`${isReplay ? 'Replay' : 'Discard'} ${counted(total, 'letter')}`}>
      <form className="stack" onSubmit={start}>
        <p>{what}</p>
        {isReplay && <DryRun filter={filter} holders={holders} />}
        <div className="filters">
          <NumberInput
            label="Letters a second"
            min={0.5}
            max={MOST}
            value={rate}
            onChange={setRate}
            data-autofocus={isReplay || undefined}
          />
          <NumberInput
            label="At most"
            placeholder={`all ${count(total)}`}
            min={1}
            allowDecimal={false}
            value={limit}
            onChange={setLimit}
          />
        </div>
        <Reason value={reason} set={setReason} isNeeded={!isReplay} isFirst={!isReplay} />
        {!isReplay && (
          <p className="dim">
            A discarded message counts as handled; its lane goes on. It stays in the audit, and
            cannot be replayed any more.
          </p>
        )}
        {isBusy() && <Notice tone="warn">Another one runs; wait for it, or cancel it.</Notice>}
        <Decision
          problem={problem}
          isOff={problem !== undefined || isBusy()}
          isHarmful={!isReplay}
          close={close}
        >
          {isReplay ? 'Replay' : 'Discard'} {counted(wanted, 'letter')}
        </Decision>
      </form>
    </Dialog>
  );
}

function problemOf(isReplay: boolean, reason: string, rate: number): string | undefined {
  if (!isReplay && reason.trim() === '') return 'Say why they are thrown away.';
  return rate >= 0.5 && rate <= MOST ? undefined : `The rate is 0.5 to ${MOST} letters a second.`;
}

const COLUMNS: readonly Column<Expected>[] = [
  { header: 'Letters', cell: (row) => <Figure of={row.count} />, kind: 'number' },
  { header: 'Expected', cell: ({ expect }) => expect, kind: 'tight' },
  { header: 'Why', cell: ({ why }) => why },
];

/** The dry run of the replays: the services change nothing. */
function DryRun({ filter, holders }: Pick<Props, 'filter' | 'holders'>) {
  const services = holders.map(({ service }) => service);
  const asked = useQuery({
    queryKey: ['dead-letters', 'dry-run', services, filter],
    queryFn: async ({ signal }) => {
      const answers = services.map((service) =>
        ask<Previews>(`dead-letters/${encodeURIComponent(service)}/replay`, {
          method: 'POST',
          body: { filter, dryRun: true },
          signal,
        }),
      );
      return (await Promise.all(answers)).flatMap(({ replays }) => replays);
    },
    staleTime: Infinity,
  });
  const total = holders.reduce((sum, one) => sum + one.count, 0);
  return (
    <Answer of={asked}>
      {(replays) => (
        <div className="stack">
          <h3>
            Dry run of{' '}
            {replays.length < total ? `the oldest ${count(replays.length)}` : 'all of them'}
          </h3>
          <Table
            caption="Expected results"
            columns={COLUMNS}
            rows={expectedOf(replays)}
            keyOf={({ expect, why }) => `${expect} ${why}`}
          />
        </div>
      )}
    </Answer>
  );
}
