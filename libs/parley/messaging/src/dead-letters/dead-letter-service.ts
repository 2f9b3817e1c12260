import { contractIfLoaded, keyOf, type Contract } from '@parley/contract';
import type { Clock } from '../clock';
import { NoHandlerError, openMessage } from '../delivery/open-message';
import { isRecoverable } from '../delivery/retry-policy';
import { decode, prepare } from '../message/codec';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetters,
  Edit,
  FoundDeadLetter,
} from '../ports/dead-letters';
import type { Decision } from '../ports/decision';
import { readEnvelope } from '../message/envelope';
import type { HandlerRegistry } from '../handlers/handler-registry';
import type { Handler } from '../ports/subscription';
import type { PayloadProcessor } from '../payload/payload-processor';
import type { Envelope } from '../message/message';
import { outboxSubscription } from '../ports/outbox-subscription';
import { isEncrypted } from '../payload/field-encryption';
import { currentPayload } from '../message/upcasting';

/** The expected result of a replay, found without handling the message. */
export interface ReplayPreview {
  readonly letter: string;
  readonly subscription: string;
  readonly contract: string;
  /** `StockController.reserve` */
  readonly handler?: string;
  readonly expect: 'handled' | 'no effect' | 'waits' | 'dead again';
  readonly why: string;
  /**
   * The key of its lane, whether the lane waits for this letter, and the number of messages behind
   * it.
   */
  readonly lane?: {
    readonly key: string;
    readonly held: boolean;
    readonly waiting: number;
    readonly heldBy?: string;
  };
}

/** An edit that would not help: the body breaks its contract, or it would be another message. */
export class EditRefusedError extends Error {
  override readonly name = 'EditRefusedError';
}

export interface BulkRequest extends Decision {
  readonly filter: Omit<DeadLetterFilter, 'limit' | 'newest'>;
  /** Replays a second at most. Default 10. */
  readonly rate?: number;
  /** Replays in this request at most; never more than one second's. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

export interface BulkResult {
  /**
   * Pass it as `filter.upTo` to the next request: letters that die again meanwhile are left out.
   */
  readonly upTo?: string;
  readonly done: readonly string[];
  /** Letters that another operator replayed or discarded first. */
  readonly gone: readonly string[];
  readonly left: number;
}

const DEFAULT_RATE_PER_SECOND = 10;
const MOST_AT_ONCE = 100;

/** The handler that receives a letter when it is replayed. */
interface Reader extends Pick<Handler, 'contract' | 'name'> {
  readonly does: string;
}

/**
 * Decisions about dead letters. It knows the handlers of this process, so it can preview the result
 * of a replay.
 */
export class DeadLetterService {
  constructor(
    readonly letters: DeadLetters,
    private readonly registry: Pick<HandlerRegistry, 'subscriptions'>,
    private readonly clock: Clock,
    private readonly bodies: PayloadProcessor,
    /** This service: messages that it sent may be among the letters, too. */
    private readonly service: string,
  ) {}

  /** Letters as listed: without personal fields and secrets. */
  async list(filter: DeadLetterFilter): Promise<readonly DeadLetter[]> {
    return (await this.letters.list(filter)).map((letter) => this.masked(letter));
  }

  /**
   * One letter. The personal and secret fields of its body show the values that the contract
   * declares for them.
   */
  async find(
    id: string,
  ): Promise<{ readonly letter: FoundDeadLetter; readonly preview: ReplayPreview } | undefined> {
    const letter = await this.findOpened(id);
    return letter && { letter: this.masked(letter), preview: this.preview(letter) };
  }

  /** A dry run of many letters: the expected result of each replay. */
  async previews(filter: DeadLetterFilter): Promise<readonly ReplayPreview[]> {
    const found = await Promise.all(
      (await this.letters.list(filter)).map(({ id }) => this.findOpened(id)),
    );
    return found.filter((letter) => letter !== undefined).map((letter) => this.preview(letter));
  }

  /**
   * Gives a letter another body, after checking it against its contract. Fields that are still
   * masked keep their former values.
   * @throws EditRefusedError naming the field
   */
  async edit(id: string, body: Buffer, edit: Edit): Promise<'done' | 'gone' | 'edited meanwhile'> {
    const letter = await this.letters.find(id);
    if (!letter) return 'gone';
    const whole = await this.unmasked(letter, body);
    const refusal = this.refusalOf(letter, whole, readable(await this.opened(letter, letter.body)));
    if (refusal === undefined) return this.letters.edit(id, await this.kept(letter, whole), edit);
    const { who, reason, replay } = edit;
    // Personal and secret fields cannot be found in a body that breaks its contract.
    const contract = this.readerOf(letter)?.contract;
    const after = contract && isEncrypted(contract) ? undefined : body;
    await this.letters.refused(id, {
      who,
      reason,
      action: replay ? 'edit and replay' : 'edit',
      outcome: refusal,
      after,
    });
    throw new EditRefusedError(refusal);
  }

  /**
   * Replays the next letters of a group or of all, the oldest first: call it again with the `upTo`
   * it returns until none are left.
   */
  replayNext(bulk: BulkRequest): Promise<BulkResult> {
    return this.next(bulk, (id) => this.letters.replay(id, decisionOf(bulk)));
  }

  discardNext(bulk: BulkRequest): Promise<BulkResult> {
    return this.next(bulk, (id) => this.letters.discard(id, decisionOf(bulk)));
  }

  private async findOpened(id: string): Promise<FoundDeadLetter | undefined> {
    const letter = await this.letters.find(id);
    return letter && { ...letter, body: await this.opened(letter, letter.body) };
  }

  /** A body decrypted, to be checked; the stored bytes when it cannot be decrypted. */
  private async opened(letter: DeadLetter, body: Buffer): Promise<Buffer> {
    const message = this.messageOf(letter);
    return message
      ? this.bodies.opened(message.contract, message.envelope, body).catch(() => body)
      : body;
  }

  private masked<L extends DeadLetter>(letter: L): L {
    const contract = this.readerOf(letter)?.contract;
    return contract ? { ...letter, body: this.bodies.masked(contract, letter.body) } : letter;
  }

  private async unmasked(letter: DeadLetter, edited: Buffer): Promise<Buffer> {
    const contract = this.readerOf(letter)?.contract;
    return contract
      ? this.bodies.unmasked(
          contract,
          await this.opened(letter, edited),
          await this.opened(letter, letter.body),
        )
      : edited;
  }

  private async kept(letter: DeadLetter, body: Buffer): Promise<Buffer> {
    const { contract, envelope } = this.messageOf(letter)!;
    if (!isEncrypted(contract)) return body;
    // Fields that the contract does not know could hold anything; those of an older version are not
    // known here.
    const known =
      envelope.contractversion === String(contract.version)
        ? prepare(
            contract.name,
            contract.payload,
            currentPayload(contract, envelope, decode(contract.name, body)),
          ).body
        : body;
    return (await this.bodies.sealed({ contract, envelope, body: known })).body;
  }

  private messageOf(
    letter: DeadLetter,
  ): { readonly contract: Contract; readonly envelope: Envelope } | undefined {
    const contract = this.readerOf(letter)?.contract;
    try {
      return contract && { contract, envelope: readEnvelope(letter.headers) };
    } catch {
      return undefined; // sender and contract cannot be read
    }
  }

  private async next(
    { filter, rate = DEFAULT_RATE_PER_SECOND, limit = Infinity, signal }: BulkRequest,
    act: (id: string) => Promise<boolean>,
  ): Promise<BulkResult> {
    const upTo =
      filter.upTo ?? (await this.letters.list({ ...filter, newest: true, limit: 1 }))[0]?.id;
    if (upTo === undefined) return { done: [], gone: [], left: 0 };
    const bounded = { ...filter, upTo };
    const found = await this.letters.list({
      ...bounded,
      limit: Math.max(1, Math.floor(Math.min(limit, rate, MOST_AT_ONCE))),
    });
    const [done, gone]: [string[], string[]] = [[], []];
    for (const { id } of found) {
      if (signal?.aborted) break;
      ((await act(id)) ? done : gone).push(id);
      await this.pause(1_000 / rate); // also after the last one: another request may follow
    }
    return { upTo, done, gone, left: await this.letters.count(bounded) };
  }

  private preview(letter: FoundDeadLetter): ReplayPreview {
    const { id, subscription, headers, handledBefore, heldBy, holds, waiting } = letter;
    const handler = this.readerOf(letter);
    const key = headers.partitionkey;
    return {
      letter: id,
      subscription,
      contract: headers.type ?? '',
      ...(handler && { handler: handler.name }),
      ...this.expectation(letter, handler, handledBefore, heldBy),
      ...(key !== undefined && {
        lane: {
          key,
          held: holds || heldBy !== undefined,
          waiting,
          ...(heldBy !== undefined && { heldBy }),
        },
      }),
    };
  }

  private expectation(
    letter: DeadLetter,
    handler: Reader | undefined,
    handledBefore: boolean,
    heldBy?: string,
  ): Pick<ReplayPreview, 'expect' | 'why'> {
    if (handledBefore)
      return { expect: 'no effect', why: 'the inbox has it: it was handled before' };
    const hopeless = this.hopeless(letter, letter.body);
    if (hopeless !== undefined) return { expect: 'dead again', why: hopeless };
    if (heldBy !== undefined)
      return { expect: 'waits', why: `its lane waits for letter ${heldBy}` };
    return { expect: 'handled', why: `${handler!.does}; whether it succeeds, only a replay tells` };
  }

  private refusalOf(letter: DeadLetter, body: Buffer, former: unknown): string | undefined {
    const hopeless = this.hopeless(letter, body);
    if (hopeless !== undefined) return hopeless;
    const { contract } = this.readerOf(letter)!;
    const was = letter.headers.partitionkey;
    const [sent, envelope] = [decode(contract.name, body), readEnvelope(letter.headers)];
    const payload = currentPayload(contract, envelope, decode(contract.name, body));
    const stray =
      envelope.contractversion === String(contract.version)
        ? strayName(sent, payload, former)
        : undefined;
    if (stray !== undefined) return `${contract.name} has no ${stray}: it would be ignored`;
    if (was === undefined || keyOf(contract, payload) === was) return undefined;
    return `${contract.name}: ${contract.key} is the message's lane and stays ${was}; discard this one and say another instead`;
  }

  /** Why no handler would receive it. */
  private hopeless(letter: DeadLetter, body: Buffer): string | undefined {
    const reader = this.readerOf(letter);
    if (!reader) {
      // A better explanation than the envelope's error.
      const verb = this.isOwn(letter) ? 'knows' : 'handles';
      return new NoHandlerError(letter.subscription, letter.headers.type, verb).message;
    }
    try {
      openMessage({ headers: letter.headers, body }, () => reader, this.clock.now());
      return undefined;
    } catch (error) {
      if (!isRecoverable(error)) return (error as Error).message;
      throw error;
    }
  }

  private readerOf(letter: DeadLetter): Reader | undefined {
    const { subscription, headers } = letter;
    if (this.isOwn(letter)) {
      const contract = contractIfLoaded(headers.type ?? '');
      return contract && { contract, name: 'the relay', does: 'it is published again' };
    }
    const found = this.registry
      .subscriptions()
      .find(({ kind, name }) => kind !== 'broadcast' && name === subscription);
    const handler = found?.handlers.get(headers.type ?? '');
    return handler && !handler.missing
      ? { contract: handler.contract, name: handler.name, does: `${handler.name} runs` }
      : undefined;
  }

  /** True when this service sent the message and could not publish it. */
  private isOwn({ subscription }: DeadLetter): boolean {
    return subscription === outboxSubscription(this.service);
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(milliseconds, resolve));
  }
}

/** The body for people, even if it cannot be read. */
function readable(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/**
 * The path of the first field that parsing dropped from the edited body. Fields that were in the
 * former body may be a newer sender's.
 */
function strayName(sent: unknown, read: unknown, former: unknown, path = ''): string | undefined {
  if (!isObject(sent) || !isObject(read) || read instanceof Date) return undefined;
  const was = isObject(former) ? former : {};
  for (const name of Object.keys(sent)) {
    if (!Object.hasOwn(read, name) && !Object.hasOwn(was, name)) return `${path}${name}`;
    const stray = strayName(sent[name], read[name], was[name], `${path}${name}.`);
    if (stray !== undefined) return stray;
  }
  return undefined;
}

const decisionOf = ({ who, reason }: Decision): Decision => ({
  who,
  ...(reason !== undefined && { reason }),
});
