import { Button, NumberInput, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ask } from '../api/client';
import type { ConcurrencyChange } from '../api/types';
import { Decision } from '../shared/decision';
import { Dialog } from '../shared/dialog';
import { Notice } from '../shared/parts';
import type { SubscriptionRow } from './subscriptions';

const MOST = 1_000;

/** Changes how many messages of a subscription each instance handles at once. */
export function ConcurrencyDialog({
  of: { service, subscription, concurrency },
  close,
}: {
  readonly of: SubscriptionRow;
  readonly close: () => void;
}) {
  const [wanted, setWanted] = useState<number | string>(concurrency[0] ?? 1);
  const [reason, setReason] = useState('');
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () =>
      ask<ConcurrencyChange>(`concurrency/${encodeURIComponent(subscription)}`, {
        method: 'POST',
        body: {
          concurrency: Number(wanted),
          ...(reason.trim() !== '' && { reason: reason.trim() }),
        },
      }),
    onSettled: () => client.invalidateQueries({ queryKey: ['concurrency'] }),
  });
  const isSame = concurrency.length === 1 && concurrency[0] === Number(wanted);
  const failed = change.data?.instances.filter(({ error }) => error !== undefined) ?? [];
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Dialog close={close} title={`At a time: ${subscription}`}>
      {change.data ? (
        <div className="stack">
          <Notice tone={failed.length === 0 ? 'good' : 'bad'}>
            {failed.length === 0
              ? `Each instance handles ${wanted} at a time now.`
              : `No change at ${failed.map(({ url }) => url).join(', ')}.`}
          </Notice>
          <Button onClick={close} data-autofocus>
            Close
          </Button>
        </div>
      ) : (
        <form className="stack" onSubmit={submit}>
          <NumberInput
            label="Messages at a time in each instance"
            min={1}
            max={MOST}
            allowDecimal={false}
            value={wanted}
            onChange={setWanted}
            data-autofocus
          />
          <TextInput
            label="Reason"
            description="For the log"
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <p>
            Every running instance of {service} changes from {concurrency.join(' or ')} to {wanted}{' '}
            at once, and keeps it until it ends. One that starts later begins with its{' '}
            <code>CONCURRENCY</code>, which also is the number of its database connections.
          </p>
          {change.error && <Notice tone="bad">{change.error.message}</Notice>}
          <Decision isOff={isSame || Number(wanted) < 1} isPending={change.isPending} close={close}>
            Change every instance
          </Decision>
        </form>
      )}
    </Dialog>
  );
}
