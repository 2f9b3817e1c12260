import {
  CANARY_STEPS,
  type CanaryReplays,
  type Messaging,
  progressOf,
  type ReplayRun,
  RunUnderWayError,
} from '@parley/messaging';
import { z } from 'zod';
import { type AdmittedRequest, type OperationsAnswer, failed, read } from './operations-request';

const DEFAULT_RATE_PER_SECOND = 10;

const name = z
  .string()
  .min(1)
  .max(500)
  .refine((text) => !text.includes('\0'), 'must not contain NUL');
const Reason = z.string().trim().min(1, 'say why').max(1000);
const Begin = z.strictObject({
  subscription: name,
  group: name,
  rate: z.number().min(0.5).max(1000).default(DEFAULT_RATE_PER_SECOND),
  reason: Reason,
});
const Cancel = z.strictObject({ reason: Reason });
const Query = z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(20) });

/** Serves `/operations/dead-letters/runs`: replays in steps. */
export class ReplayRunRequests {
  private readonly desk?: CanaryReplays;
  private readonly runs;

  constructor(
    { canaryReplays, deadLetters }: Messaging,
    private readonly log: (message: string) => void,
  ) {
    this.desk = canaryReplays;
    this.runs = deadLetters?.letters.runs;
  }

  async show(
    [id, ...rest]: readonly string[],
    query: Readonly<Record<string, string>>,
  ): Promise<OperationsAnswer> {
    if (!this.runs || rest.length > 0) return failed(404, 'there is nothing of that name');
    const { limit } = read(Query, query);
    if (id === undefined)
      return { status: 200, body: { runs: (await this.runs.list({ limit })).map(shown) } };
    const [run] = await this.runs.list({ id });
    return run ? { status: 200, body: shown(run) } : failed(404, `there is no run ${id}`);
  }

  async change(
    [id, verb, ...rest]: readonly string[],
    request: AdmittedRequest,
  ): Promise<OperationsAnswer> {
    if (!this.desk || rest.length > 0) return failed(404, 'there is nothing to change here');
    if (id === undefined) return this.begin(this.desk, request);
    if (verb === 'cancel') return this.cancel(this.desk, id, request);
    return failed(404, 'there is nothing to change here');
  }

  private async begin(
    desk: CanaryReplays,
    { body, operator: who }: AdmittedRequest,
  ): Promise<OperationsAnswer> {
    const { reason, ...asked } = read(Begin, await body());
    try {
      const run = await desk.begin(asked, { who, reason });
      if (!run)
        return failed(404, `${asked.subscription} has no dead letter of ${asked.group} any more`);
      this.log(`${who} replays ${run.total} dead letters of ${asked.group} in steps: ${reason}`);
      return { status: 202, body: shown(run) };
    } catch (error) {
      if (!(error instanceof RunUnderWayError)) throw error;
      return { status: 409, body: { message: error.message, run: shown(error.run) } };
    }
  }

  private async cancel(
    desk: CanaryReplays,
    id: string,
    { body, operator: who }: AdmittedRequest,
  ): Promise<OperationsAnswer> {
    const { reason } = read(Cancel, await body());
    if (!(await desk.cancel(id, { who, reason })))
      return failed(404, `run ${id} is over, or there was none`);
    this.log(`${who} cancelled run ${id} of a replay: ${reason}`);
    return { status: 200, body: { cancelled: true } };
  }
}

/** A run for people: with its progress in words, without what only its driver needs. */
function shown({ token: _, driver, inStep, ...run }: ReplayRun): object {
  const { total, replayed, open, waiting, step } = run;
  return {
    ...run,
    step: step + 1,
    steps: CANARY_STEPS.length,
    inStep,
    ofStep: Math.min(CANARY_STEPS[step] ?? Infinity, total),
    handled: replayed - open - waiting,
    progress: progressOf(run),
    instance: driver,
  };
}
