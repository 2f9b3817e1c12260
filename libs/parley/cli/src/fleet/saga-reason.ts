import { z } from 'zod';
import { Backlog } from '../commands/backlog';
import { KnownContracts } from './catalogue';
import type { Fleet } from './fleet';

/** The fields of one saga that say why it does not go on. */
const Waiting = z.looseObject({
  name: z.string(),
  done: z.boolean(),
  waitsFor: z.array(z.string()).default([]),
  asked: z.array(z.string()).default([]),
  waitsSince: z.string().optional(),
  deadSteps: z
    .array(z.looseObject({ id: z.string(), contract: z.string(), error: z.string() }))
    .default([]),
  timeouts: z
    .array(
      z.looseObject({
        name: z.string(),
        due: z.string(),
        failures: z.number(),
        error: z.string().optional(),
        paused: z.boolean().default(false),
      }),
    )
    .default([]),
});
type Waiting = z.infer<typeof Waiting>;

const Paused = z.looseObject({
  paused: z
    .array(
      z.looseObject({
        subscription: z.string(),
        reason: z.string().optional(),
        since: z.number().optional(),
      }),
    )
    .default([]),
});

/** A dead letter of the saga's conversation. */
interface Dead {
  readonly letter: string;
  readonly contract: string;
}

/** The subscription that handles a contract. */
interface HandledBy {
  readonly service: string;
  readonly subscription: string;
}

/**
 * Why a saga does not go on, in one sentence; undefined for one that is done. The nearest cause
 * comes first: its own step, then a dead letter, then the consumers of what it asked for.
 */
export async function reasonOf(
  fleet: Fleet,
  service: string,
  saga: unknown,
  dead: readonly Dead[],
  now = Date.now(),
): Promise<string | undefined> {
  const found = Waiting.safeParse(saga).data;
  if (!found || found.done) return undefined;
  const asks = asksIn(found, service);
  if (asks !== undefined) return asks;
  const waits = waitsIn(found, now);
  const cause =
    causeInLetters(found, dead) ??
    (await causeInConsumers(fleet, found, service)) ??
    next(found, now);
  return cause === undefined ? waits : `${waits}; ${cause}`;
}

function asksIn({ name, timeouts, deadSteps }: Waiting, service: string): string | undefined {
  const paused = timeouts.find((one) => one.paused);
  if (paused)
    return `asks: its timeout "${paused.name}" failed ${paused.failures} times and is paused: ${paused.error ?? 'no reason given'}`;
  const [step] = deadSteps;
  return (
    step &&
    `asks: its step for ${step.contract} died in ${service}.${name}: ${step.error} (dead letter ${service}/${step.id})`
  );
}

function waitsIn({ waitsFor, waitsSince }: Waiting, now: number): string {
  const since = waitsSince === undefined ? '' : ` ${span(now - Date.parse(waitsSince))}`;
  const [first, ...others] = waitsFor;
  if (first === undefined) return `waits${since}`;
  return `waits${since} for ${first}${others.length > 0 ? ` or ${others.join(' or ')}` : ''}`;
}

function causeInLetters({ asked }: Waiting, dead: readonly Dead[]): string | undefined {
  const letter = dead.find(({ contract }) => asked.includes(contract)) ?? dead[0];
  return letter && `${letter.contract} is dead letter ${letter.letter}`;
}

/** The consumers of what it asked for, then its own. */
async function causeInConsumers(
  fleet: Fleet,
  { name, asked }: Waiting,
  service: string,
): Promise<string | undefined> {
  const [contracts, states, backlogs] = await Promise.all([
    fleet.askEach('/operations/contracts'),
    fleet.askAll('/operations/status'),
    fleet.askEach('/operations/backlog'),
  ]);
  const known = contracts.flatMap((answer) =>
    (KnownContracts.safeParse(answer.body).data ?? []).flatMap((contract) =>
      contract.handlers.flatMap(({ subscription }): (HandledBy & { contract: string })[] =>
        subscription === undefined
          ? []
          : [{ service: answer.service, subscription, contract: contract.name }],
      ),
    ),
  );
  const asking = known.filter(({ contract }) => asked.includes(contract));
  const own = { service, subscription: `${service}.${name}` };
  const paused = states.flatMap(({ ok, body }) =>
    ok ? (Paused.safeParse(body).data?.paused ?? []) : [],
  );
  for (const one of [...asking, own]) {
    const pause = paused.find(({ subscription }) => subscription === one.subscription);
    const whose = one === own ? `its own consumer ${own.subscription}` : 'its consumer';
    if (pause) {
      const since = pause.since === undefined ? '' : ` since ${timeOf(pause.since)}`;
      return `${whose} is paused${since}${pause.reason === undefined ? '' : `: ${pause.reason}`}`;
    }
  }
  const owners = new Set(asked.map((contract) => contract.split('.')[0]!));
  const silent = [...owners].find((owner) => {
    const instances = states.filter((one) => one.service === owner);
    return instances.length > 0 && instances.every(({ status }) => status === undefined);
  });
  if (silent !== undefined) return `${silent} does not answer`;
  for (const { service: at, subscription } of [...asking, own]) {
    const answer = backlogs.find((one) => one.service === at);
    const rows = Backlog.safeParse(answer?.body).data ?? [];
    const waiting = rows.find((row) => row.subscription === subscription)?.waiting ?? 0;
    if (waiting > 0) return `${waiting} messages wait in ${subscription}`;
  }
  return undefined;
}

function next({ timeouts }: Waiting, now: number): string | undefined {
  const [failing] = timeouts.filter(({ failures }) => failures > 0);
  if (failing)
    return `its timeout "${failing.name}" failed ${failing.failures} times: ${failing.error ?? 'no reason given'}`;
  const [first] = [...timeouts].sort((a, b) => (a.due < b.due ? -1 : 1));
  if (!first) return undefined;
  const left = Date.parse(first.due) - now;
  return left > 0
    ? `its timeout "${first.name}" is due in ${span(left)}`
    : `its timeout "${first.name}" is overdue by ${span(-left)}`;
}

const timeOf = (at: number): string => new Date(at).toISOString().slice(11, 16);

/** `40 s`, `26 min`, `3 h`, `2 d`. */
function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1_000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}
