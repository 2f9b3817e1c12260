import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../clock';

/** Milliseconds that messages wait for a batch under way; after that they do not wait with it. */
const PATIENCE_MS = 100;

/** The result of offering a delivery to a batch. */
export type BatchSlot =
  /** It was handled and acknowledged in a batch. */
  | { readonly alone: false }
  /** It must be handled by itself; call `over` when that has ended. */
  | { readonly alone: true; over(): void };

interface Gathering<Member> {
  readonly waiting: { readonly member: Member; readonly resolve: (company: BatchSlot) => void }[];
  running: number;
  scheduled: boolean;
  /** Set while messages wait for a batch under way. */
  cancelWait?: () => void;
}

/**
 * Collects deliveries that are in flight at the same time. A batch is flushed at the end of the
 * event-loop turn of its first message; messages that arrive while it is handled form the next one,
 * which begins at the latest 100 ms later: a handler that hangs holds up its own batch alone.
 * Two messages of one key are never in one batch, because those of a lane are delivered one after
 * the other.
 */
export class MicroBatcher<Member> {
  private readonly gatherings = new Map<string, Gathering<Member>>();
  /** Keeps a batch out of the conversation of its first message. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    /** Handles all members or, when it resolves false, none. Never rejects. */
    private readonly together: (members: readonly Member[]) => Promise<boolean>,
    private readonly clock: Pick<Clock, 'after'>,
  ) {}

  /** Offers a member to the batch of that name. `most`: members of one batch. */
  add(name: string, most: number, member: Member): Promise<BatchSlot> {
    const gathering = this.gatherings.get(name) ?? { waiting: [], running: 0, scheduled: false };
    this.gatherings.set(name, gathering);
    return new Promise((resolve) => {
      gathering.waiting.push({ member, resolve });
      this.goSoon(gathering, most);
    });
  }

  private goSoon(gathering: Gathering<Member>, most: number): void {
    if (gathering.scheduled || gathering.waiting.length === 0) return;
    if (gathering.running > 0 && gathering.waiting.length < most) {
      gathering.cancelWait ??= this.clock.after(PATIENCE_MS, () => this.schedule(gathering, most));
      return;
    }
    this.schedule(gathering, most);
  }

  private schedule(gathering: Gathering<Member>, most: number): void {
    gathering.cancelWait?.();
    gathering.cancelWait = undefined;
    if (gathering.scheduled) return;
    gathering.scheduled = true;
    setImmediate(() => this.outside(() => this.go(gathering, most)));
  }

  private go(gathering: Gathering<Member>, most: number): void {
    gathering.scheduled = false;
    gathering.running++;
    const over = () => {
      gathering.running--;
      this.goSoon(gathering, most);
    };
    const batch = gathering.waiting.splice(0, most);
    const [first] = batch;
    if (batch.length === 1) first!.resolve({ alone: true, over });
    else void this.handle(batch, over);
    this.goSoon(gathering, most);
  }

  private async handle(batch: Gathering<Member>['waiting'], over: () => void): Promise<void> {
    const handled = await this.together(batch.map(({ member }) => member));
    for (const { resolve } of batch)
      resolve(handled ? { alone: false } : { alone: true, over: () => undefined });
    over();
  }
}
