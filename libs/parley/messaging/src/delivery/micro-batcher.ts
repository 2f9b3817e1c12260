import { AsyncLocalStorage } from 'node:async_hooks';

/** What became of a delivery that looked for company. */
export type BatchSlot =
  /** It was handled, and acknowledged, with others. */
  | { readonly alone: false }
  /** It is to be handled by itself; `over` is told when that has ended. */
  | { readonly alone: true; over(): void };

interface Gathering<Member> {
  readonly waiting: { readonly member: Member; readonly resolve: (company: BatchSlot) => void }[];
  running: number;
  scheduled: boolean;
}

/**
 * Collects the deliveries that are in flight at the same time. A batch goes at the end of the turn
 * of the event loop in which its first member came: nobody waits for company that may never come.
 * What comes while it is handled is the next one.
 *
 * Two messages of one key are never in one batch, for those of a lane are delivered one after the
 * other.
 */
export class MicroBatcher<Member> {
  private readonly gatherings = new Map<string, Gathering<Member>>();
  /** A batch is not handled in the conversation of whoever came first. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    /** Handles all of them, or nothing of them: says which. Never rejects. */
    private readonly together: (members: readonly Member[]) => Promise<boolean>,
  ) {}

  /** Waits with others of that name. `most`: members of one batch. */
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
    if (gathering.running > 0 && gathering.waiting.length < most) return;
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
