import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ask } from '../api/client';
import type { ReplayPreview } from '../api/types';
import { Decision, Reason } from '../shared/decision';
import { Dialog } from '../shared/dialog';
import { Notice } from '../shared/parts';
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
        <Reason value={reason} set={setReason} isNeeded={!isReplay} />
        {decide.error && <Notice tone="bad">{decide.error.message}</Notice>}
        <Decision
          problem={isMissing ? 'Say why it is thrown away.' : undefined}
          isPending={decide.isPending}
          isHarmful={!isReplay}
          close={close}
        >
          {isReplay ? 'Replay it' : 'Discard it'}
        </Decision>
      </form>
    </Dialog>
  );
}
