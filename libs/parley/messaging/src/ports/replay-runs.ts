import type { Failure } from '../message/failure';
import type { Decision } from './decision';

/**
 * Replays of many dead letters in steps. The letters of a run have one subscription and one cause,
 * and no two runs have the same at once. A run is kept beside its letters: an instance drives it for
 * as long as it renews its lease, another one goes on after it.
 */
export interface ReplayRuns {
  /** Begins one, unless one of its subscription and cause is under way: that one is returned. */
  begin(
    asked: NewReplayRun,
    by: Decision,
    driver: string,
  ): Promise<{ readonly run: ReplayRun; readonly isNew: boolean } | undefined>;
  /** Takes over the runs that nobody drives. */
  take(driver: string): Promise<readonly ReplayRun[]>;
  /**
   * Replays a letter, as one of the present step. `waits`: its lane waits for another dead letter,
   * so it does not count as one. `over`: the run has ended, or another instance drives it.
   */
  replay(run: ReplayRun, letter: string): Promise<'done' | 'waits' | 'gone' | 'over'>;
  /** Renews the lease, and counts what became of the letters. Undefined: as `over`. */
  look(run: ReplayRun): Promise<ReplayRun | undefined>;
  /** Begins the next step. False: as `over`. */
  advance(run: ReplayRun, outcome: string): Promise<boolean>;
  /** Ends it, of its own accord. False: as `over`. */
  end(run: ReplayRun, state: 'done' | 'relapsed', outcome: string): Promise<boolean>;
  /** Ends it for a person. False when it is over already. */
  cancel(id: string, outcome: string, by: Decision): Promise<boolean>;
  /** Lets another instance go on at once. */
  release(run: ReplayRun): Promise<void>;
  /** The latest first. */
  list(filter?: { readonly id?: string; readonly limit?: number }): Promise<readonly ReplayRun[]>;
}

export interface NewReplayRun {
  readonly subscription: string;
  /** The name of the cause that its letters have. */
  readonly group: string;
  /** Replays a second at most. */
  readonly rate: number;
}

export interface ReplayRun extends NewReplayRun, Decision {
  readonly id: string;
  readonly state: 'running' | 'done' | 'relapsed' | 'cancelled';
  /** Counted from 0. */
  readonly step: number;
  readonly began: Date;
  readonly ended?: Date;
  /** How it ended, in a sentence. */
  readonly outcome?: string;
  /** The last letter that was there at its beginning: later ones are left alone. */
  readonly upTo: string;
  /** Letters at its beginning. */
  readonly total: number;
  /** Letters that the present step replayed. */
  readonly inStep: number;
  readonly replayed: number;
  /** Replayed, and not handled yet. */
  readonly open: number;
  /** Replayed, but their lanes wait for other dead letters; not among the open ones. */
  readonly waiting: number;
  /** The first letter that died again. */
  readonly relapse?: { readonly letter: string; readonly failure: Failure };
  /** The instance that drives it. */
  readonly driver: string;
  /** Fences a driver that lost its lease. */
  readonly token: string;
}

/** A run goes on elsewhere when its driver did not renew its lease for so long. */
export const RUN_LEASE_MS = 20_000;
