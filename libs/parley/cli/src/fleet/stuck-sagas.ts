import { z } from 'zod';
import type { Answer, Fleet } from './fleet';

/** Letters of one request, the most that a service gives. */
const PAGE = 1_000;
/** Pages of each service: beyond it, the answer says that older letters were not looked at. */
const PAGES_AT_MOST = 20;
/** Characters of a list of conversations in a URL: a server refuses more than 16 KiB of headers. */
const LIST_AT_MOST = 6_000;

const Letters = z.object({
  deadLetters: z.array(
    z.object({ id: z.string(), holds: z.boolean(), headers: z.record(z.string(), z.string()) }),
  ),
});
const Sagas = z.array(
  z.looseObject({ correlationId: z.string(), startedAt: z.string().optional() }),
);
type Saga = z.infer<typeof Sagas>[number];

/**
 * A dead letter of a saga's conversation. `holds`: later messages of the saga's key wait behind it.
 */
interface DeadOfSaga {
  /** `inventory/3` */
  readonly letter: string;
  readonly contract: string;
  readonly holds: boolean;
}

/** A service of which not all was looked at, and why. */
interface Incomplete {
  readonly service: string;
  readonly incomplete: string;
}

/** Which sagas: the filters of the services. */
export interface SagasFilter {
  /** True: only those with a dead letter in their conversation. */
  readonly stuck?: boolean;
  /** Filters of `/operations/sagas`: saga, stage, state, olderThan, limit. */
  readonly filter?: Readonly<Record<string, string>>;
}

/**
 * Sagas of the services that have some, each with the dead letters of its conversation.
 * @returns `incomplete`: the services of which dead letters may be missing
 */
export async function sagasWithDead(
  fleet: Fleet,
  { stuck = false, filter = {} }: SagasFilter,
): Promise<{ readonly answers: readonly Answer[]; readonly incomplete: readonly Incomplete[] }> {
  const letters = await allDeadLetters(fleet);
  const dead = deadOf(letters);
  const found = stuck
    ? await stuckSagas(fleet, filter, dead)
    : await fleet.askEach(`/operations/sagas?${new URLSearchParams(filter)}`);
  return {
    answers: found.filter(({ status }) => status !== 404).map((answer) => withDead(answer, dead)),
    incomplete: missingLetters(letters),
  };
}

/** The dead letters of a conversation, in all services. */
export async function deadOfConversation(
  fleet: Fleet,
  correlationId: string,
): Promise<readonly DeadOfSaga[]> {
  return deadOf(await allDeadLetters(fleet)).get(correlationId) ?? [];
}

/** Dead letters of all services, by the conversation they belong to. */
function deadOf(answers: readonly Answer[]): ReadonlyMap<string, readonly DeadOfSaga[]> {
  const found = new Map<string, DeadOfSaga[]>();
  for (const answer of answers) {
    const { service } = answer;
    for (const { id, holds, headers } of lettersOf(answer)) {
      const { correlationid, type = '' } = headers;
      if (correlationid === undefined) continue;
      const others = found.get(correlationid) ?? [];
      found.set(correlationid, [...others, { letter: `${service}/${id}`, contract: type, holds }]);
    }
  }
  return found;
}

/**
 * A service's sagas, each with the dead letters of its conversation. Ended sagas are included:
 * their last messages may wait behind a dead letter.
 */
function withDead(answer: Answer, dead: ReadonlyMap<string, readonly DeadOfSaga[]>): Answer {
  const sagas = Sagas.safeParse(answer.body).data;
  if (!sagas) return answer;
  return {
    ...answer,
    body: sagas.map((saga) => ({ ...saga, dead: dead.get(saga.correlationId) ?? [] })),
  };
}

/**
 * The dead letters of all services, the newest first; of each service as many answers as it has
 * pages.
 */
async function allDeadLetters(fleet: Fleet): Promise<readonly Answer[]> {
  const first = await fleet.askEach(pageOf());
  return (await Promise.all(first.map((answer) => pagesFrom(fleet, answer)))).flat();
}

/**
 * Of each service the sagas that have a dead letter in their conversation, however old they are. It
 * starts from the letters: they are few, sagas many.
 * @param filter as for a list of sagas; `limit` sagas of each service, the latest first
 */
async function stuckSagas(
  fleet: Fleet,
  filter: Readonly<Record<string, string>>,
  dead: ReadonlyMap<string, readonly DeadOfSaga[]>,
): Promise<readonly Answer[]> {
  const asked = listsOf([...dead.keys()]).map((conversations) =>
    fleet.askEach(`/operations/sagas?${new URLSearchParams({ ...filter, conversations })}`),
  );
  const found = new Map<string, Answer>();
  for (const answer of (await Promise.all(asked)).flat())
    found.set(answer.service, together(found.get(answer.service), answer, Number(filter.limit)));
  return [...found.values()];
}

/** Why letters may be missing, of each service of which some are. */
function missingLetters(letters: readonly Answer[]): readonly Incomplete[] {
  const pages = new Map<string, Answer[]>();
  for (const answer of letters)
    pages.set(answer.service, [...(pages.get(answer.service) ?? []), answer]);
  return [...pages].flatMap(([service, answers]) => {
    const incomplete = whyIncomplete(answers);
    return incomplete === undefined ? [] : [{ service, incomplete }];
  });
}

function whyIncomplete(pages: readonly Answer[]): string | undefined {
  const last = pages.at(-1)!;
  if (!last.ok && last.status !== 404) return 'its dead letters cannot be read';
  return pages.length === PAGES_AT_MOST && lettersOf(last).length === PAGE
    ? `it has more than ${PAGES_AT_MOST * PAGE} dead letters, and the oldest were not looked at`
    : undefined;
}

async function pagesFrom(fleet: Fleet, first: Answer): Promise<readonly Answer[]> {
  const pages = [first];
  for (let page = first; pages.length < PAGES_AT_MOST; pages.push(page)) {
    const letters = lettersOf(page);
    if (letters.length < PAGE) break;
    page = await fleet.askOne(first.service, pageOf(BigInt(letters.at(-1)!.id) - 1n));
  }
  return pages;
}

const pageOf = (upTo?: bigint): string =>
  `/operations/dead-letters?newest=true&limit=${PAGE}${upTo === undefined ? '' : `&upTo=${upTo}`}`;

const lettersOf = ({ body }: Answer) => Letters.safeParse(body).data?.deadLetters ?? [];

/** JSON arrays, each short enough for a URL. */
function listsOf(conversations: readonly string[]): readonly string[] {
  const lists: string[][] = [];
  let room = 0;
  for (const one of conversations) {
    const length = encodeURIComponent(JSON.stringify(one)).length + 3;
    if (length > room) {
      lists.push([]);
      room = LIST_AT_MOST;
    }
    lists.at(-1)!.push(one);
    room -= length;
  }
  return lists.map((list) => JSON.stringify(list));
}

/** Merges two answers of the same service: the sagas of both, or the error. */
function together(before: Answer | undefined, answer: Answer, limit: number): Answer {
  const [one, two] = [before, answer].map((each) => Sagas.safeParse(each?.body).data);
  if (before && !one) return before;
  if (!two) return answer;
  const latestFirst = (a: Saga, b: Saga) => ((a.startedAt ?? '') < (b.startedAt ?? '') ? 1 : -1);
  return { ...answer, body: [...(one ?? []), ...two].sort(latestFirst).slice(0, limit || PAGE) };
}
