import { Button, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from '../api/client';
import { pretty } from '../shared/format';
import { Change, Notice, Panel, Refusal, Tag } from '../shared/parts';
import { type Column, Table } from '../shared/table';
import { type Change as Difference, changesOf, parsed } from './changes';
import { CodeField } from './code-field';

interface Letter {
  readonly id: string;
  readonly body: string;
  readonly edits: number;
}

/**
 * Gives a letter another body: written as JSON, looked over as a list of changes, checked by the
 * service against the contract of its handler.
 */
export default function Editor({
  service,
  letter,
  close,
  tell,
}: {
  readonly service: string;
  readonly letter: Letter;
  readonly close: () => void;
  readonly tell: (what: string) => void;
}) {
  // Edits the letter as it was opened. The service refuses the edit if the letter changed meanwhile.
  const [{ id, body, edits }] = useState(letter);
  const [text, setText] = useState(() => pretty(body));
  const [isReviewed, setReviewed] = useState(false);
  const [reason, setReason] = useState('');
  const client = useQueryClient();
  const former = parsed(body);
  const next = parsed(text);
  const problem = 'value' in former && 'problem' in next ? next.problem : undefined;
  const changes =
    'value' in former && 'value' in next
      ? changesOf(former.value, next.value)
      : changesOf(body, text);

  const save = useMutation({
    mutationFn: ({ replay }: { readonly replay: boolean }) =>
      ask<{ readonly replayed: boolean }>(
        `dead-letters/${encodeURIComponent(service)}/${encodeURIComponent(id)}/edit`,
        {
          method: 'POST',
          body: {
            body: 'value' in next && 'value' in former ? JSON.stringify(next.value) : text,
            edits,
            replay,
            ...(reason.trim() !== '' && { reason: reason.trim() }),
          },
        },
      ),
    onSuccess: ({ replayed }) => {
      tell(
        replayed
          ? 'It has its new body and is replayed: the audit below tells what becomes of it.'
          : 'It has its new body; replay it when its cause is gone.',
      );
      close();
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['dead-letters'] }),
  });
  const write = (typed: string): void => {
    save.reset();
    setText(typed);
  };
  const isUnchanged = changes.length === 0;

  return (
    <Panel title="Edit the body">
      {isReviewed ? (
        <>
          <Table caption="Changes" columns={COLUMNS} rows={changes} keyOf={({ path }) => path} />
          <TextInput
            label="Reason"
            description="Is kept in the audit, with the former body"
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            autoFocus
          />
        </>
      ) : (
        <>
          <CodeField value={text} onChange={write} label="Body as JSON" />
          <p className="dim">
            Personal and secret fields show what the contract declares for them; what is left so
            keeps its value. The key cannot change, because it is the lane.
          </p>
        </>
      )}
      {problem !== undefined && <Notice tone="warn">{problem}</Notice>}
      {save.error && <Notice tone="bad">The service refuses it: {save.error.message}</Notice>}
      <Refusal />
      <div className="row">
        {isReviewed ? (
          <>
            <Change loading={save.isPending} onClick={() => save.mutate({ replay: true })}>
              Save and replay
            </Change>
            <Change
              variant="default"
              loading={save.isPending}
              onClick={() => save.mutate({ replay: false })}
            >
              Save
            </Change>
            <Button size="xs" variant="default" onClick={() => setReviewed(false)}>
              Edit on
            </Button>
          </>
        ) : (
          <Button
            size="xs"
            disabled={problem !== undefined || isUnchanged}
            title={isUnchanged ? 'Nothing is changed yet.' : undefined}
            onClick={() => {
              save.reset();
              setReviewed(true);
            }}
          >
            Look over the changes
          </Button>
        )}
        <Button size="xs" variant="default" onClick={close}>
          Cancel
        </Button>
      </div>
    </Panel>
  );
}

const COLUMNS: readonly Column<Difference>[] = [
  { header: 'Field', cell: ({ path }) => <code>{path === '' ? 'the whole body' : path}</code> },
  { header: 'What', cell: ({ kind }) => <Tag tone="plain">{kind}</Tag>, kind: 'tight' },
  { header: 'Before', cell: ({ before }) => before !== undefined && <del>{before}</del> },
  { header: 'After', cell: ({ after }) => after !== undefined && <ins>{after}</ins> },
];
