import { Button, Textarea } from '@mantine/core';
import type { ReactNode } from 'react';
import { Change, Refusal } from './parts';

/** The operator's reason, of each dialog that changes something. */
export const Reason = ({
  value,
  set,
  isNeeded = true,
  isFirst = true,
  description = 'Is kept in the audit',
}: {
  readonly value: string;
  readonly set: (reason: string) => void;
  readonly isNeeded?: boolean;
  /** It has the focus when the dialog opens. */
  readonly isFirst?: boolean;
  readonly description?: string;
}) => (
  <Textarea
    label={isNeeded ? 'Reason (needed)' : 'Reason'}
    description={description}
    required={isNeeded}
    withAsterisk={false}
    autosize
    data-autofocus={isFirst || undefined}
    value={value}
    onChange={(event) => set(event.currentTarget.value)}
  />
);

/** The last row of such a dialog: the change, which is off while there is a problem, and the way back. */
export const Decision = ({
  problem,
  isOff = problem !== undefined,
  isPending,
  isHarmful,
  close,
  back = 'Cancel',
  children,
}: {
  readonly problem?: string;
  readonly isOff?: boolean;
  readonly isPending?: boolean;
  readonly isHarmful?: boolean;
  readonly close: () => void;
  readonly back?: string;
  readonly children: ReactNode;
}) => (
  <>
    <Refusal />
    <div className="row">
      <Change
        type="submit"
        color={isHarmful ? 'red.9' : undefined}
        disabled={isOff}
        title={problem}
        loading={isPending}
        onClick={() => undefined}
      >
        {children}
      </Change>
      <Button size="xs" variant="default" onClick={close}>
        {back}
      </Button>
    </div>
  </>
);
