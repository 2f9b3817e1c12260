import {
  type Backlog,
  type BatchAcknowledgement,
  type Clock,
  type Deliver,
  type Delivery,
  type Failure,
  type ConsumerHealth,
  type Outcome,
  type TransportContext,
  withTimeout,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Database, Statement } from '../connection/database';
import { isKeyed, LaneLeases, type Lane, type Leased } from './lane-leases';
import { channelOf, unpackHeaders } from '../cloudevents';
import { SuspectTurns } from './queue-suspects';
import { fence } from '../store/transaction';

export interface Consumption {
  readonly database: Database;
  /** Named after the service, or after its subscription. */
  readonly queue: string;
  readonly subscription: RegisteredSubscription;
  readonly deliver: Deliver;
  /**
   * True when the handler's transaction runs in the queue's database, and so commits the
   * acknowledgement together with its effects.
   */
  readonly settles: boolean;
  readonly clock: Clock;
  readonly log: TransportContext['log'];
  readonly passes?: TransportContext['passes'];
  /**
   * Milliseconds; renewed after a third of them. Longer than a transaction may idle. Default 30 s.
   */
  readonly lease?: number;
}

const LEASE_MS = 30_000;

/** Fallback poll, also for messages that become due; normally NOTIFY wakes the consumer. */
const POLL_INTERVAL_MS = 1_000;
/** Shortest interval between two checks for messages that become due. */
const DUE_CHECK_INTERVAL_MS = 200;
const SWEEP_INTERVAL_MS = 60_000;
/** Milliseconds of work to lease ahead, and the first estimate of a handling's duration. */
const PREFETCH_MAX_MESSAGES = 50;
const MAX_LANES = 200;
/** Milliseconds that a finished lane waits for others, to be released together with them. */
const RELEASE_TIMEOUT_MS = 5;
/** Milliseconds until a lane may be leased again after an aborted handling. */
const RETURN_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 5_000;
/** Milliseconds until a scan continues that stopped early behind lanes of other instances. */
const SCAN_ON = 20;
/** Milliseconds in which handled messages may still be acknowledged when the consumer closes. */
const ACKNOWLEDGE_TIMEOUT_MS = 1_000;
const DUE_BATCH = 1_000;

/**
 * Consumes one queue: leases lanes, delivers their messages one after the other, and settles each
 * by its outcome. Reconnects for ever.
 */
export class QueueConsumer {
  private leases!: LaneLeases;
  private readonly ready: Lane[] = [];
  private readonly suspects = new SuspectTurns();
  private running = 0;
  private readonly honouring = new Set<Promise<boolean>>();
  /** The last claim leased at least half of the wanted lanes: more may be waiting. */
  private full = false;
  private averageTime = PREFETCH_MAX_MESSAGES;
  private state: ConsumerHealth['state'] = 'starting';
  private reason?: string;
  private stopping = false;
  private closed = false;
  private woken = true;
  private resume = () => {};
  private turning?: Promise<void>;
  private loop?: Promise<void>;
  private lookedAt = -Infinity;
  private looking = false;
  private sweptAt: number;
  private releasing = false;
  private leave: () => Promise<void> = async () => {};
  private readonly timers = new Set<() => void>();

  constructor(private readonly what: Consumption) {
    this.sweptAt = performance.now();
    what.subscription.onConcurrency?.(() => {
      this.pump();
      this.wake();
    });
  }

  async start(): Promise<void> {
    const { database, queue } = this.what;
    await database.installation();
    const [opened] = await database.call<{ id: number }>(OPEN, [queue]);
    this.leases = new LaneLeases(database, opened!.id, this.what.lease ?? LEASE_MS);
    this.leave = await database.listener.listen(channelOf(queue), {
      receive: this.wake,
      reconnected: this.wake,
    });
    if (this.stopping) return this.leave();
    this.state = 'consuming';
    this.renewRegularly();
    this.loop = this.run();
  }

  /**
   * Ends deliveries. Messages that were leased and not begun are returned; running handlers may
   * end.
   */
  async stop(): Promise<void> {
    if (this.stopping) return this.turning?.catch(nothing);
    this.stopping = true;
    this.state = 'stopped';
    await this.leave().catch(nothing);
    await this.turning?.catch(nothing);
    await this.leases
      ?.giveBack([...this.ready.splice(0), ...this.suspects.take()], 0)
      .catch(nothing);
    this.wake();
  }

  /** Returns messages still being handled, too, without counting an attempt. */
  async close(): Promise<void> {
    await this.stop();
    await withTimeout(
      ACKNOWLEDGE_TIMEOUT_MS,
      Promise.allSettled(this.honouring),
      () => new Error('no answer'),
    ).catch(nothing);
    const unfinished = this.leases?.lanes() ?? [];
    for (const lane of unfinished) lane.lost.abort(new Error('the service is stopping'));
    await this.leases?.giveBack(unfinished, 0).catch(nothing);
    this.closed = true;
    this.wake();
    await this.loop;
    if (this.leases?.unreleased) await this.leases.claim(0).catch(nothing);
  }

  health(): Pick<ConsumerHealth, 'technology' | 'state' | 'reason'> {
    return { technology: 'postgres', state: this.state, reason: this.reason };
  }

  async backlog(): Promise<readonly Backlog[]> {
    const [counts] = await this.what.database.call<
      Record<'waiting' | 'parked' | 'delayed' | 'dead', string>
    >(BACKLOG, [[this.leases.queue]]);
    const { waiting, parked, delayed, dead } = counts!;
    return [
      {
        subscription: this.what.queue,
        waiting: Number(waiting),
        parked: Number(parked),
        delayed: Number(delayed),
        dead: Number(dead),
      },
    ];
  }

  /** Runs the loop now: there may be something to do. */
  readonly wake = (): void => {
    this.woken = true;
    this.resume();
  };

  /** Runs the loop after this time. */
  wakeAfter(milliseconds: number): void {
    this.after(milliseconds, this.wake);
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.isOver();) {
      try {
        await (this.turning = this.turn());
        failures = 0;
        this.reachable();
        if (!this.woken) await this.pause(POLL_INTERVAL_MS);
      } catch (error) {
        this.unreachable(error as Error);
        await this.pause(Math.min(MAX_BACKOFF_MS, 100 * 2 ** failures++));
        this.woken = true;
      }
    }
    for (const cancel of this.timers) cancel();
  }

  private isOver(): boolean {
    return this.closed || (this.stopping && this.running === 0 && this.leases.unreleased === 0);
  }

  private async turn(): Promise<void> {
    this.woken = false;
    if (!this.stopping) await this.look();
    if (!this.stopping && this.suspects.isDue())
      this.suspects.hold(await this.leases.claimSuspect());
    const wanted = this.wanted();
    if (wanted === 0 && this.leases.unreleased === 0) return this.handleSuspect();
    const lanes = await this.leases.claim(wanted);
    if (wanted > 0) {
      this.full = lanes.length >= wanted / 2;
      if (this.leases.brokenOff) this.wakeAfter(SCAN_ON);
      this.suspects.othersHadTheirTurn();
    }
    if (lanes.length > 0) this.what.passes?.('queue.claimed');
    if (this.stopping) return this.leases.giveBack(lanes, 0);
    this.ready.push(...lanes);
    this.pump();
    await this.handleSuspect();
    if (this.suspects.isDue()) this.woken = true;
  }

  /**
   * Starts the suspect as soon as no other lane is leased here: if it ends the process, lanes
   * leased beside it would be blocked until their leases expire.
   */
  private async handleSuspect(): Promise<void> {
    if (!this.suspects.isHeld || this.leases.size > 1 || this.leases.unreleased > 0) return;
    const suspect = this.suspects.take();
    if (this.stopping) return this.leases.giveBack(suspect, 0);
    this.ready.push(...suspect);
    this.pump();
  }

  /** Wakes messages that became due; once a minute, sweeps tables. */
  private async look(): Promise<void> {
    const now = performance.now(); // the time of day may jump, and must not keep messages waiting
    if (now - this.lookedAt < DUE_CHECK_INTERVAL_MS)
      return this.lookLater(this.lookedAt + DUE_CHECK_INTERVAL_MS - now);
    this.lookedAt = now;
    const [due] = await this.what.database.call<{
      woken: number;
      next: number | null;
      suspects: boolean;
    }>(WAKE, [this.leases.queue, DUE_BATCH]);
    if (due!.suspects) this.suspects.appeared();
    if (due!.woken === DUE_BATCH) this.lookedAt = -Infinity;
    if (due!.next !== null && due!.next < POLL_INTERVAL_MS)
      this.wakeAfter(Math.max(DUE_CHECK_INTERVAL_MS, Math.ceil(due!.next)));
    if (now - this.sweptAt < SWEEP_INTERVAL_MS) return;
    this.sweptAt = now;
    await this.what.database.call(SWEEP);
  }

  /** Checks again soon: messages handled since the last check may have sent delayed messages. */
  private lookLater(milliseconds: number): void {
    if (this.looking) return;
    this.looking = true;
    this.after(milliseconds, () => {
      this.looking = false;
      this.wake();
    });
  }

  /**
   * Lanes to lease: enough for the next moments and no more, because other instances cannot take
   * lanes that wait here.
   */
  private wanted(): number {
    const { concurrency } = this.what.subscription;
    if (this.stopping || this.suspects.isHeld || this.ready.length > concurrency / 2) return 0;
    const ahead = Math.ceil((concurrency * PREFETCH_MAX_MESSAGES) / Math.max(1, this.averageTime));
    return Math.max(0, Math.min(MAX_LANES, concurrency + ahead) - this.leases.size);
  }

  private pump(): void {
    while (
      !this.stopping &&
      this.running < this.what.subscription.concurrency &&
      this.ready.length > 0
    ) {
      this.running++;
      void this.work(this.ready.shift()!);
    }
  }

  private async work(lane: Lane): Promise<void> {
    try {
      if (await this.handle(lane)) this.leases.finish(lane);
    } catch (error) {
      this.leases.forget(lane); // delivered again when its lease expires
      this.what.log(
        'warn',
        `postgres: a message of ${this.what.queue} could not be read, or what became of it not stored; it will be delivered again`,
        { error },
      );
    }
    this.running--;
    this.suspects.over(lane);
    this.pump();
    if (
      this.stopping ||
      lane.suspect ||
      this.suspects.isHeld ||
      (this.full && this.ready.length <= this.what.subscription.concurrency / 2)
    )
      this.wake();
    else if (isKeyed(lane.id)) this.releaseSoon();
  }

  /**
   * Delivers the lane's messages in order. Returns true if all of them were handled and the lane is
   * still ours.
   */
  private async handle(lane: Lane): Promise<boolean> {
    for (const message of lane.messages) {
      const body = message.body ?? (await this.leases.fetch(message));
      if (!body || lane.lost.signal.aborted) return this.leases.forget(lane) && false;
      if (this.stopping) return this.leases.giveBack([lane], 0).then(() => false);
      const delivery = this.delivery(lane, message, body);
      const started = performance.now();
      const outcome = await this.what.deliver(delivery);
      this.averageTime += (performance.now() - started - this.averageTime) / 20;
      const honoured = this.honour(lane, message, delivery.attempt, outcome);
      this.honouring.add(honoured);
      const ours = await honoured.finally(() => this.honouring.delete(honoured));
      this.what.passes?.('queue.settled');
      if (!ours) return false;
    }
    return true;
  }

  private delivery(lane: Lane, message: Leased, body: Buffer): Delivery {
    const isHead = message === lane.messages[0];
    return {
      subscription: this.what.subscription,
      headers: unpackHeaders(message.headers),
      body,
      attempt: isHead ? message.attempts : 1,
      suspect: lane.suspect,
      signal: lane.lost.signal,
      failure:
        isHead && message.failure !== null ? (JSON.parse(message.failure) as Failure) : undefined,
      acknowledgeInTransaction: this.what.settles
        ? (tx, options) =>
            fence(tx, SETTLE, [
              this.leases.queue,
              lane.id,
              message.id,
              this.leases.token,
              options?.print ?? null,
            ])
        : undefined,
      batchAcknowledgement: this.what.settles
        ? { receipt: message, acknowledgeAll: this.acknowledgeAll }
        : undefined,
      supports: { retry: this.what.settles, dead: this.what.settles },
    };
  }

  private readonly acknowledgeAll: BatchAcknowledgement['acknowledgeAll'] = (tx, messages) => {
    const leased = messages.map(({ receipt }) => receipt as Leased);
    return fence(tx, SETTLE_ALL, [
      this.leases.queue,
      leased.map(({ lane }) => lane),
      leased.map(({ id }) => id),
      this.leases.token,
      messages.map(({ print }) => print ?? null),
    ]);
  };

  /** Settles a message by its outcome. Returns whether the lane's next message may follow. */
  private async honour(
    lane: Lane,
    message: Leased,
    attempt: number,
    outcome: Outcome,
  ): Promise<boolean> {
    switch (outcome.kind) {
      case 'done':
        return (
          outcome.settled ||
          (await this.leases.discard(lane, message)) ||
          (this.leases.forget(lane) && false)
        );
      case 'retry':
        await this.leases.retry(lane, message, attempt, outcome);
        this.wakeAfter(outcome.after);
        return false;
      case 'dead':
        await this.leases.bury(lane, message, outcome);
        this.wake();
        return false;
      case 'return':
        await this.leases.giveBack([lane], this.stopping ? 0 : RETURN_BACKOFF_MS);
        return false;
    }
  }

  private releaseSoon(): void {
    if (this.releasing) return;
    this.releasing = true;
    this.after(RELEASE_TIMEOUT_MS, () => {
      this.releasing = false;
      this.wake();
    });
  }

  private renewRegularly(): void {
    this.after((this.what.lease ?? LEASE_MS) / 3, () => {
      this.renewRegularly();
      this.leases.renew(performance.now()).catch((error) =>
        this.what.log('warn', `postgres: the leases of ${this.what.queue} could not be renewed`, {
          error,
        }),
      );
    });
  }

  private reachable(): void {
    if (this.state === 'disconnected')
      this.what.log('info', `postgres: consuming ${this.what.queue} again`);
    if (!this.stopping) this.state = 'consuming';
    this.reason = undefined;
  }

  private unreachable(error: Error): void {
    if (this.state === 'consuming')
      this.what.log('warn', `postgres: ${this.what.queue} cannot be consumed: ${error.message}`, {
        error,
      });
    if (!this.stopping) this.state = 'disconnected';
    this.reason = error.message;
  }

  private async pause(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.after(milliseconds, resolve);
      this.resume = () => (cancel(), resolve());
    });
    this.resume = () => {};
  }

  private after(milliseconds: number, callback: () => void): () => void {
    const cancelTimer = this.what.clock.after(
      milliseconds,
      () => (this.timers.delete(cancel), callback()),
    );
    const cancel = () => (this.timers.delete(cancel), cancelTimer());
    this.timers.add(cancel);
    return cancel;
  }
}

const nothing = () => undefined;

const OPEN: Statement = { name: 'parley_open_queue', text: 'select parley.open_queue($1) id' };
const WAKE: Statement = {
  name: 'parley_wake',
  text: 'select woken, next, suspects from parley.wake($1, $2)',
};
const SWEEP: Statement = { name: 'parley_sweep', text: 'select parley.sweep()' };
const SETTLE: Statement = {
  name: 'parley_settle',
  text: 'select parley.settle($1, $2, $3, $4, $5)',
};
const SETTLE_ALL: Statement = {
  name: 'parley_settle_all',
  text: 'select parley.settle_all($1, $2, $3, $4, $5)',
};
const BACKLOG: Statement = { name: 'parley_backlog', text: 'select * from parley.backlog($1)' };
