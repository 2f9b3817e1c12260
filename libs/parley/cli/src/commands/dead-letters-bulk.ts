import { z } from 'zod';
import type { Report } from '../command-line/command';
import type { Given } from '../command-line/given';
import { queryOf, type Services } from '../fleet/services';
import { bar } from '../output/table';
import type { Session } from '../session';
import { type Action, type Decided, PAST } from './dead-letter-decision';
import { type FILTER, filterOf } from './dead-letter-filter';

const Count = z.looseObject({ count: z.number() });
const Batch = z.looseObject({
  upTo: z.string().optional(),
  done: z.array(z.string()),
  gone: z.array(z.string()),
  left: z.number(),
});
type Batch = z.infer<typeof Batch>;

/** Letters of one request: a service answers after a second's worth of them. */
const MOST_AT_ONCE = 1_000;
/** As a shell says of a program that Ctrl-C ended. */
const STOPPED_EXIT_CODE = 130;

export type Choice = Given<keyof typeof FILTER | 'limit'>;

/** The letters that fit a choice: which services have some, and how many there are in all. */
export async function chosen(given: Choice, services: Services) {
  const filter = filterOf(given);
  const limit = given.number('limit', 1, 1e6) ?? Infinity;
  const path = `/operations/dead-letters/groups${queryOf(filter)}`;
  const counted = await services.each(path, Count, given.text('service'));
  const all = counted.reduce((sum, { body }) => sum + body.count, 0);
  const holders = counted.filter(({ body }) => body.count > 0).map(({ service }) => service);
  return { holders, total: Math.min(limit, all), filter, limit };
}

/** Progress of a bulk command. */
interface Progress {
  readonly rows: { readonly letter: string; readonly outcome: string }[];
  done: number;
  isStopped: boolean;
}

/**
 * Replays or discards many letters, a second's worth at a time: when the operator or the service
 * stops, nothing is lost and nothing repeated.
 */
export async function decideInBulk(
  action: Action,
  given: Decided,
  session: Session,
): Promise<Report> {
  const { terminal, services } = session;
  const past = PAST[action];
  const rate = given.number('rate', 0.5, 1_000);
  const { holders, total, filter, limit } = await chosen(given, services);
  const progress: Progress = { rows: [], done: 0, isStopped: false };
  const forget = terminal.onStop(() => {
    progress.isStopped = true;
  });
  const step = async (service: string, upTo?: string): Promise<Batch> => {
    const request = {
      filter: { ...filter, ...(upTo !== undefined && { upTo }) },
      rate,
      limit: Math.min(limit - progress.done, MOST_AT_ONCE),
      reason: given.text('reason'),
    };
    return services.change(service, `/operations/dead-letters/${action}`, request, Batch);
  };
  for (const service of holders) {
    let last: Batch | undefined;
    while (!progress.isStopped && progress.done < limit && last?.left !== 0) {
      last = await step(service, last?.upTo);
      note(progress, service, last, past);
      if (last.done.length + last.gone.length === 0) break;
      if (!given.flag('json')) terminal.progress(`${action} ${bar(progress.done, total)}`);
    }
  }
  forget();
  terminal.progress(undefined);
  return reportOf(progress, total, past);
}

function note(progress: Progress, service: string, { done, gone }: Batch, past: string): void {
  progress.done += done.length;
  for (const id of done) progress.rows.push({ letter: `${service}/${id}`, outcome: past });
  for (const id of gone) progress.rows.push({ letter: `${service}/${id}`, outcome: 'gone' });
}

function reportOf({ rows, done, isStopped }: Progress, total: number, past: string): Report {
  // Letters that somebody else decided may have been gone before this program asked for them.
  const others = isStopped ? rows.length - done : total - done;
  const byOthers = others > 0 ? `, ${others} by somebody else` : '';
  return {
    json: rows,
    text: `${done} of ${total} ${past}${byOthers}${isStopped ? '; stopped' : ''}.`,
    ...(isStopped && { exitCode: STOPPED_EXIT_CODE }),
  };
}
