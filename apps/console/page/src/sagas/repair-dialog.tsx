import { Checkbox, NativeSelect, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ask } from '../api/client';
import type { Saga } from '../api/types';
import { Decision, Reason } from '../shared/decision';
import { Dialog } from '../shared/dialog';
import { Notice } from '../shared/parts';
import type { RepairChoice } from './sagas';

const EFFECTS = {
  retry: 'The timeout runs out now, and its step is taken.',
  skip: 'The saga goes on without the timeout or the message whose step died; or as if an answer had come.',
  cancel: 'It begins to undo what was done, as its definition says.',
  resume: 'Everything of it that is paused is tried again.',
} as const;

/** Repairs a saga at the version that is shown: where a step is taken meanwhile, it is refused. */
export function RepairDialog({
  service,
  saga: { name, key, version, cancellable, waitsFor = [] },
  repair: { verb, label, steps },
  close,
}: {
  readonly service: string;
  readonly saga: Saga;
  readonly repair: RepairChoice;
  readonly close: () => void;
}) {
  // The version of the moment in which the dialog was opened: the screen behind it moves on.
  const [seen] = useState(version);
  const [step, setStep] = useState(steps[0] ?? '');
  const [answer, setAnswer] = useState('{}');
  const [asItIs, setAsItIs] = useState(false);
  const [reason, setReason] = useState('');
  const client = useQueryClient();
  const isAnswer = verb === 'skip' && waitsFor.includes(step);
  const problem = problemOf(reason, isAnswer ? answer : '{}');
  const repair = useMutation({
    mutationFn: () =>
      ask(`sagas/${[service, name, key, verb].map(encodeURIComponent).join('/')}`, {
        method: 'POST',
        body: {
          ...{ version: seen, reason: reason.trim() },
          ...(verb === 'retry' && { timeout: step }),
          ...(verb === 'skip' && { step }),
          ...(isAnswer && { answer: JSON.parse(answer) as object }),
          ...(verb === 'cancel' && asItIs && { asItIs }),
        },
      }),
    onSuccess: close,
    onSettled: () => client.invalidateQueries({ queryKey: ['saga'] }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (problem === undefined) repair.mutate();
  };
  return (
    <Dialog close={close} title={`${label.replace(' …', '')}: ${name} ${key}`}>
      <form className="stack" onSubmit={submit}>
        <p>{EFFECTS[verb]}</p>
        {steps.length > 0 && (
          <NativeSelect
            label="Step"
            data={steps}
            value={step}
            onChange={(event) => setStep(event.currentTarget.value)}
          />
        )}
        {isAnswer && (
          <Textarea
            label="Fields of the answer, as JSON"
            description="Its key is filled in. The service checks it against the contract"
            autosize
            value={answer}
            onChange={(event) => setAnswer(event.currentTarget.value)}
          />
        )}
        {verb === 'cancel' && cancellable === false && (
          <Checkbox
            label="Its definition does not say how: end it as it is, and undo nothing"
            checked={asItIs}
            onChange={(event) => setAsItIs(event.currentTarget.checked)}
          />
        )}
        <Reason
          value={reason}
          set={setReason}
          description="Is kept in its history and in the audit"
        />
        {repair.error && <Notice tone="bad">{repair.error.message}</Notice>}
        <Decision
          problem={problem}
          isPending={repair.isPending}
          isHarmful={verb === 'cancel'}
          close={close}
          back="Close"
        >
          {label.replace(' …', '')}
        </Decision>
      </form>
    </Dialog>
  );
}

function problemOf(reason: string, answer: string): string | undefined {
  if (reason.trim() === '') return 'Say why.';
  try {
    const read: unknown = JSON.parse(answer);
    return typeof read === 'object' && read !== null ? undefined : 'The answer is no JSON object.';
  } catch {
    return 'The answer is no JSON.';
  }
}
