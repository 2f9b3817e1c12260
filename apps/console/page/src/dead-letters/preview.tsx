import { Link } from '@tanstack/react-router';
import type { ReplayPreview } from '../api/types';
import { counted } from '../shared/format';
import { Tag, type Tone } from '../shared/parts';

const TONES: Readonly<Record<string, Tone>> = {
  handled: 'good',
  waits: 'warn',
  'dead again': 'bad',
  'no effect': 'warn',
};

/** The expected result of a replay, and the messages that wait for the letter. */
export function Preview({ of, service }: { readonly of: ReplayPreview; readonly service: string }) {
  const { expect, why, handler, lane } = of;
  return (
    <dl className="facts">
      <dt>A replay</dt>
      <dd>
        <Tag tone={TONES[expect] ?? 'plain'}>{expect}</Tag> {why}
      </dd>
      {handler !== undefined && (
        <>
          <dt>Handler</dt>
          <dd className="mono">{handler}</dd>
        </>
      )}
      {lane && (
        <>
          <dt>Lane</dt>
          <dd>
            <span className="mono">{lane.key}</span>{' '}
            {lane.heldBy !== undefined ? (
              <>
                waits for{' '}
                <Link to="/dead-letters/$service/$id" params={{ service, id: lane.heldBy }}>
                  letter {lane.heldBy}
                </Link>
              </>
            ) : (
              lane.held && 'waits for this letter'
            )}
          </dd>
          <dt>Behind it</dt>
          <dd>{counted(lane.waiting, 'message')} of the same key</dd>
        </>
      )}
    </dl>
  );
}
