import {
  type AuditEntry,
  type DeadLetter,
  DeadLetterService,
  type DeadLetterFilter,
  type Decision,
  EditRefusedError,
  type Messaging,
} from '@parley/messaging';
import { z } from 'zod';
import {
  type AdmittedRequest,
  type OperationsAnswer,
  BadRequestError,
  failed,
  read,
  refusingBadRequests,
} from './operations-request';
import { ReplayRunRequests } from './replay-run-requests';

/** A preview asks the database about each letter. */
const LIMIT = { normal: 100, most: 1000, previews: 300 };

const Reason = z.string().trim().min(1).max(1000);
const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
// PostgreSQL refuses NUL in text, and no name has one.
const name = z.string().refine((text) => !text.includes('\0'), 'must not contain NUL');
const Filter = z.object({
  subscription: name.optional(),
  contract: name.optional(),
  error: name.optional(),
  group: name.optional(),
  from: time.optional(),
  to: time.optional(),
  upTo: z
    .string()
    .regex(/^\d{1,18}$/, 'must be the id of a letter')
    .optional(),
});
const Query = Filter.extend({
  limit: z.coerce
    .number()
    .optional()
    .transform((limit) => Math.min(Math.max(1, limit || LIMIT.normal), LIMIT.most))
    .catch(LIMIT.normal),
  newest: z.stringbool().optional(),
});
const AuditQuery = z.object({
  letter: name.optional(),
  who: name.optional(),
  limit: Query.shape.limit,
});
const Replay = z.strictObject({ reason: Reason.optional(), dryRun: z.boolean().optional() });
const Edited = z.strictObject({
  /** JSON as it shall be handled, or the text itself. */
  body: z.union([z.record(z.string(), z.unknown()), z.string()]),
  edits: z.int().min(0).optional(),
  replay: z.boolean().optional(),
  reason: Reason.optional(),
});
const Discard = z.strictObject({ reason: Reason });
const Bulk = z.strictObject({
  filter: Filter.strict(),
  rate: z.number().min(0.5).max(1000).optional(),
  limit: z.int().min(1).optional(),
  reason: Reason.optional(),
  dryRun: z.boolean().optional(),
});

/** Serves `/operations/dead-letters`. */
export class DeadLetterRequests {
  private readonly desk?: DeadLetterService;
  private readonly runs: ReplayRunRequests;

  constructor(
    messaging: Messaging,
    private readonly log: (message: string) => void,
  ) {
    this.desk = messaging.deadLetters;
    this.runs = new ReplayRunRequests(messaging, log);
  }

  async show(
    [what, ...rest]: readonly string[],
    query: Readonly<Record<string, string>>,
  ): Promise<OperationsAnswer> {
    const { desk } = this;
    if (what === 'runs') return refusing(() => this.runs.show(rest, query));
    if (rest.length > 0) return failed(404, 'there is nothing of that name');
    if (!desk)
      return what === undefined
        ? { status: 200, body: { count: 0, deadLetters: [] } }
        : failed(404, 'this service keeps no dead letters');
    return refusing(() => {
      if (what === undefined) return this.list(desk, read(Query, query));
      if (what === 'groups') return this.groups(desk, read(Query, query));
      if (what === 'audit') return this.audit(desk, query);
      return this.showOne(desk, what);
    });
  }

  async change(
    [first, verb, ...rest]: readonly string[],
    request: AdmittedRequest,
  ): Promise<OperationsAnswer> {
    const { desk } = this;
    if (first === 'runs')
      return refusing(() => this.runs.change(verb === undefined ? [] : [verb, ...rest], request));
    const known =
      rest.length === 0 &&
      (verb === undefined
        ? ['replay', 'discard'].includes(first ?? '')
        : ['replay', 'edit', 'discard'].includes(verb));
    if (!known || !desk || first === undefined)
      return failed(404, 'there is nothing to change here');
    return refusing(async () => {
      const asked = await request.body();
      const who = request.operator;
      if (verb === undefined) return this.bulk(desk, first as 'replay' | 'discard', asked, who);
      if (verb === 'replay') return this.replay(desk, first, read(Replay, asked), who);
      if (verb === 'edit') return this.edit(desk, first, read(Edited, asked), who);
      return this.discard(desk, first, read(Discard, asked), who);
    });
  }

  private async list(desk: DeadLetterService, filter: DeadLetterFilter): Promise<OperationsAnswer> {
    const [count, found] = await Promise.all([desk.letters.count(filter), desk.list(filter)]);
    return { status: 200, body: { count, deadLetters: found.map(readable) } };
  }

  private async groups(
    desk: DeadLetterService,
    filter: DeadLetterFilter,
  ): Promise<OperationsAnswer> {
    const [count, groups] = await Promise.all([
      desk.letters.count(filter),
      desk.letters.groups(filter),
    ]);
    return { status: 200, body: { count, groups } };
  }

  private async audit(
    desk: DeadLetterService,
    query: Readonly<Record<string, string>>,
  ): Promise<OperationsAnswer> {
    return {
      status: 200,
      body: { entries: (await desk.letters.audit(read(AuditQuery, query))).map(readableEntry) },
    };
  }

  private async showOne(desk: DeadLetterService, id: string): Promise<OperationsAnswer> {
    const found = await desk.find(id);
    return found
      ? { status: 200, body: { ...readable(found.letter), replay: found.preview } }
      : gone(id);
  }

  private async replay(
    desk: DeadLetterService,
    id: string,
    { reason, dryRun }: z.infer<typeof Replay>,
    who: string,
  ): Promise<OperationsAnswer> {
    if (dryRun) {
      const found = await desk.find(id);
      return found ? { status: 200, body: { replayed: false, replay: found.preview } } : gone(id);
    }
    if (!(await desk.letters.replay(id, decision(who, reason)))) return gone(id);
    this.log(`${who} replays dead letter ${id}`);
    return { status: 202, body: { replayed: true } };
  }

  private async edit(
    desk: DeadLetterService,
    id: string,
    { body, edits, replay, reason }: z.infer<typeof Edited>,
    who: string,
  ): Promise<OperationsAnswer> {
    const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    const outcome = await desk.edit(id, bytes, { ...decision(who, reason), edits, replay });
    if (outcome === 'gone') return gone(id);
    if (outcome === 'edited meanwhile')
      return failed(409, `somebody edited dead letter ${id} meanwhile; look at it again`);
    this.log(`${who} edited dead letter ${id}${replay ? ' and replays it' : ''}`);
    return { status: replay ? 202 : 200, body: { edited: true, replayed: replay ?? false } };
  }

  private async discard(
    desk: DeadLetterService,
    id: string,
    { reason }: z.infer<typeof Discard>,
    who: string,
  ): Promise<OperationsAnswer> {
    if (!(await desk.letters.discard(id, { who, reason }))) return gone(id);
    this.log(`${who} discarded dead letter ${id}: ${reason}`);
    return { status: 200, body: { discarded: true } };
  }

  private async bulk(
    desk: DeadLetterService,
    action: 'replay' | 'discard',
    asked: unknown,
    who: string,
  ): Promise<OperationsAnswer> {
    const { dryRun, reason, ...bulk } = read(Bulk, asked);
    if (dryRun) return this.previews(desk, bulk.filter, bulk.limit);
    if (action === 'discard' && reason === undefined)
      throw new BadRequestError('reason is missing: say why they are thrown away');
    const asks = { ...bulk, ...decision(who, reason) };
    const result = await (action === 'replay' ? desk.replayNext(asks) : desk.discardNext(asks));
    if (result.done.length > 0)
      this.log(`${who} ${action}s ${result.done.length} dead letters, ${result.left} are left`);
    return { status: 200, body: result };
  }

  private async previews(
    desk: DeadLetterService,
    filter: DeadLetterFilter,
    limit: number = LIMIT.normal,
  ): Promise<OperationsAnswer> {
    const [count, replays] = await Promise.all([
      desk.letters.count(filter),
      desk.previews({ ...filter, limit: Math.min(limit, LIMIT.previews) }),
    ]);
    return { status: 200, body: { count, replays } };
  }
}

const refusing = (answer: () => Promise<OperationsAnswer>): Promise<OperationsAnswer> =>
  refusingBadRequests(() =>
    answer().catch((error: unknown) => {
      if (error instanceof EditRefusedError) return failed(422, error.message);
      throw error;
    }),
  );

const gone = (id: string): OperationsAnswer =>
  failed(
    404,
    `there is no dead letter ${id} any more; it was replayed or discarded before, or never was`,
  );

const decision = (who: string, reason?: string): Decision => ({
  who,
  ...(reason !== undefined && { reason }),
});

/**
 * Shows bodies as text, usually JSON. Binary bodies are shown as base64, so that no byte is lost.
 */
function readable({ body, ...letter }: DeadLetter): object {
  return { ...letter, ...shown('body', body) };
}

function readableEntry({ before, after, ...entry }: AuditEntry): object {
  return { ...entry, ...(before && shown('before', before)), ...(after && shown('after', after)) };
}

function shown(as: string, bytes: Buffer): object {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes)
    ? { [as]: text }
    : { [`${as}Base64`]: bytes.toString('base64') };
}
