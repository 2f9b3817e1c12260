import { Button, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ask } from '../api/client';
import type { ReplayPreview } from '../api/types';
import { Dialog } from '../shared/dialog';
import { Change, Notice, Refusal } from '../shared/parts';
import { Preview } from './preview';

/** Replays or discards one letter, after a look at what will come of it. */
export function DecisionDialog({
  action,
  letter: { service, id, replay },
  close,
  tell,
}: {
  readonly action: 'replay' | 'discard';
  readonly letter: {
    readonly service: string;
    readonly id: string;
    readonly replay: ReplayPreview;
  };
  readonly close: () => void;
  readonly tell: (what: string) => void;
}) {
  const [reason, setReason] = useState('');
  const client = useQueryClient();
  const isReplay = action === 'replay';
  const decide = useMutation({
    mutationFn: () =>
      ask(`dead-letters/${encodeURIComponent(service)}/${encodeURIComponent(id)}/${action}`, {
        method: 'POST',
        body: reason.trim() === '' ? {} : { reason: reason.trim() },
      }),
    onSuccess: () => {
      tell(
        isReplay ? 'It is replayed: the audit below tells what becomes of it.' : 'It is discarded.',
      );
      close();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['dead-letters'] }),
  });
  const isMissing = !isReplay && reason.trim() === '';
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!isMissing) decide.mutate();
  };
  return (
    <Dialog close={close} title={`${isReplay ? 'Replay' : 'Discard'} ${service}/${id}`}>
      <form className="stack" onSubmit={submit}>
        {isReplay ? (
          <Preview of={replay} service={service} />
        ) : (
          <p>
            The message counts as handled, and its lane goes on. It stays in the audit, and cannot
            be replayed any more.
          </p>
        )}
        <Textarea
          label={isReplay ? 'Reason' : 'Reason (needed)'}
          description="Is kept in the audit"
          autosize
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          data-autofocus
        />
        {decide.error && <Notice tone="bad">{decide.error.message}</Notice>}
        <Refusal />
        <div className="row">
          <Change
            type="submit"
            color={isReplay ? undefined : 'red.9'}
            disabled={isMissing}
            title={isMissing ? 'Say why it is thrown away.' : undefined}
            loading={decide.isPending}
            onClick={() => undefined}
          >
            {isReplay ? 'Replay it' : 'Discard it'}
          </Change>
          <Button size="xs" variant="default" onClick={close}>
            Cancel
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
