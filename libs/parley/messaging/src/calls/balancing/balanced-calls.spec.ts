import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call } from '@parley/contract';
import { VirtualClock } from '@parley/testing';
import { Deadline, DeadlineExceededError } from '@parley/resilience';
import { z } from 'zod';
import {
  OwnerUnavailableError,
  ReplyLostError,
  type CallResult,
  type OutgoingCall,
} from '../../ports/call-transport';
import { BalancedCalls } from './balanced-calls';
import { addressOf, type InstanceAddress } from './calls-url';

const Ask = call('catalog.quote-price', { request: z.object({}), reply: z.object({}) });

const asking = (options: Partial<OutgoingCall> = {}): OutgoingCall => ({
  contract: Ask,
  headers: {},
  body: Buffer.from('{}'),
  deadline: Deadline.within(60_000),
  ...options,
});

/** Instances of a wire without sockets: each one answers with its address, or fails. */
class Wire {
  readonly clock = new VirtualClock();
  /** Addresses that nobody listens at. */
  readonly down = new Set<string>();
  /** Addresses whose connections break after the request was sent. */
  readonly breaking = new Set<string>();
  /** Addresses whose handlers fail. */
  readonly failing = new Set<string>();
  code = 'unhandled';
  /** Each request, by the address that it was sent to. */
  readonly asked: string[] = [];
  readonly reached: string[] = [];
  readonly closed: string[] = [];
  readonly lookups: string[] = [];
  /** Requests wait until this settles. */
  hold: Promise<unknown> = Promise.resolve();
  lookup: () => Promise<readonly string[]> = async () => [];

  callsTo(url: string): BalancedCalls {
    return new BalancedCalls({
      schemes: ['test'],
      urlOf: () => url,
      clock: this.clock,
      lookup: (name) => (this.lookups.push(name), this.lookup()),
      reach: async (at) => {
        this.reached.push(addressOf(at));
        if (this.down.has(addressOf(at))) throw new Error('refused');
      },
      connect: (at) => ({
        call: (request) => this.answer(request, at),
        close: async () => void this.closed.push(addressOf(at)),
      }),
    });
  }

  private async answer(request: OutgoingCall, at: InstanceAddress): Promise<CallResult> {
    const address = addressOf(at);
    this.asked.push(address);
    await this.hold;
    if (this.down.has(address)) throw new OwnerUnavailableError(request.contract, 'refused');
    if (this.breaking.has(address)) throw new ReplyLostError(request.contract, 'broken');
    if (this.failing.has(address))
      return { ok: false, fault: { code: this.code, message: 'broken' } };
    return { ok: true, body: Buffer.from(address) };
  }
}

async function heard(calls: BalancedCalls, times: number, request = asking()): Promise<string[]> {
  const replies: string[] = [];
  for (let n = 0; n < times; n++) {
    const result = await calls.call(request);
    replies.push(result.ok ? result.body.toString() : result.fault.code);
  }
  return replies;
}

const [A, B, C] = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'];
const countOf = (list: readonly string[], one: string) =>
  list.filter((other) => other === one).length;

describe('round robin', () => {
  it('gives each instance the same share', async () => {
    const calls = new Wire().callsTo(`test://${A},${B},${C}`);
    await heard(calls, 3); // all of them are reached
    const replies = await heard(calls, 300);
    expect([A, B, C].map((one) => countOf(replies, one))).toEqual([100, 100, 100]);
  });
});

describe('least requests', () => {
  it('prefers the instance with fewer requests in flight', async () => {
    const wire = new Wire();
    const calls = wire.callsTo(`test://${A},${B}?balance=least-requests`);
    await heard(calls, 2);
    await wire.clock.advance(0);
    wire.asked.length = 0;
    wire.hold = new Promise(() => undefined);
    for (let n = 0; n < 20; n++) void calls.call(asking());
    expect([countOf(wire.asked, A), countOf(wire.asked, B)]).toEqual([10, 10]);
  });
});

describe('an instance that cannot be reached', () => {
  it('is passed over in the same call', async () => {
    const wire = new Wire();
    wire.down.add(A);
    const calls = wire.callsTo(`test://${A},${B}`);
    expect(await heard(calls, 20)).toEqual(Array(20).fill(B));
    expect(countOf(wire.asked, A)).toBeLessThanOrEqual(1);
  });

  it('is tried after pauses that grow from 100 ms to 2 s, and not by requests', async () => {
    const wire = new Wire();
    const calls = wire.callsTo(`test://${A},${B}`);
    await heard(calls, 2);
    await wire.clock.advance(0);
    wire.down.add(A);
    await heard(calls, 2);
    wire.asked.length = wire.reached.length = 0;
    const triedAfter: number[] = [];
    for (let elapsed = 0; elapsed < 8_000; elapsed += 10) {
      await heard(calls, 1);
      if (wire.reached.splice(0).length > 0) triedAfter.push(elapsed);
      await wire.clock.advance(10, async () => undefined);
    }
    expect(wire.asked).not.toContain(A);
    const pauses = triedAfter.map((at, n) => at - (triedAfter[n - 1] ?? 0));
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000]);
  });

  it('is used again when it is back', async () => {
    const wire = new Wire();
    const calls = wire.callsTo(`test://${A},${B}`);
    wire.down.add(A);
    await heard(calls, 4);
    wire.down.clear();
    await wire.clock.advance(2_000);
    await heard(calls, 1); // finds out
    await wire.clock.advance(0);
    expect(await heard(calls, 2)).toContain(A);
  });

  it('is asked at once when it is the only one', async () => {
    const wire = new Wire();
    const calls = wire.callsTo(`test://${A}`);
    wire.down.add(A);
    await expect(calls.call(asking())).rejects.toBeInstanceOf(OwnerUnavailableError);
    wire.down.clear();
    expect(await heard(calls, 1)).toEqual([A]);
  });

  it('is asked at most once in a call that no instance takes', async () => {
    const wire = new Wire();
    const calls = wire.callsTo(`test://${A},${B},${C}`);
    for (const one of [A, B, C]) wire.down.add(one!);
    await expect(calls.call(asking())).rejects.toBeInstanceOf(OwnerUnavailableError);
    expect(wire.asked.sort()).toEqual([A, B, C]);
  });

  it('does not come back by a reply to an earlier request', async () => {
    const wire = new Wire();
    const calls = wire.callsTo(`test://${A},${B}`);
    await heard(calls, 2);
    await wire.clock.advance(0);
    let answer = (_: unknown): void => undefined;
    wire.hold = new Promise((resolve) => (answer = resolve));
    const early = [calls.call(asking()), calls.call(asking())];
    wire.hold = Promise.resolve();
    wire.down.add(A);
    await heard(calls, 2);
    wire.down.clear();
    answer(undefined);
    await Promise.all(early);
    wire.asked.length = 0;
    await heard(calls, 4);
    expect(wire.asked).toEqual([B, B, B, B]);
  });
});

describe('a lost reply', () => {
  it('is reported, not repeated, and the instance is left out until it was reached', async () => {
    const wire = new Wire();
    const calls = wire.callsTo(`test://${A},${B}`);
    await heard(calls, 2);
    await wire.clock.advance(0);
    wire.breaking.add(A);
    const results = await Promise.allSettled([calls.call(asking()), calls.call(asking())]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await heard(calls, 4)).toEqual([B, B, B, B]);
  });

  it('sends the next try of the request to another instance', async () => {
    const wire = new Wire();
    const calls = wire.callsTo(`test://${A},${B},${C}`);
    await heard(calls, 3);
    await wire.clock.advance(0);
    const request = asking({ tried: new Set([A!]) });
    expect((await heard(calls, 3, request)).slice(0, 2).sort()).toEqual([B, C]);
  });
});

describe('a name', () => {
  const NAME = 'test://catalog:1';

  it('is resolved at first use, and again every 5 s while it is used', async () => {
    const wire = new Wire();
    wire.lookup = async () => ['10.0.0.1'];
    const calls = wire.callsTo(NAME);
    expect(wire.lookups).toEqual([]);
    expect(await heard(calls, 2)).toEqual([A, A]);
    wire.lookup = async () => ['10.0.0.1', '10.0.0.2'];
    await wire.clock.advance(4_999);
    await heard(calls, 1);
    expect(wire.lookups).toEqual(['catalog']);
    await wire.clock.advance(1);
    await heard(calls, 1); // resolves
    await wire.clock.advance(0);
    await heard(calls, 1); // reaches the new one
    await wire.clock.advance(0);
    expect((await heard(calls, 2)).sort()).toEqual([A, B]);
    expect(wire.lookups).toEqual(['catalog', 'catalog']);
  });

  it('is resolved at once when an instance fails', async () => {
    const wire = new Wire();
    wire.lookup = async () => ['10.0.0.1'];
    const calls = wire.callsTo(NAME);
    await heard(calls, 1);
    await wire.clock.advance(1_000);
    wire.down.add(A);
    wire.lookup = async () => ['10.0.0.2'];
    expect(await heard(calls, 1)).toEqual([B]);
  });

  it('keeps its last addresses when it cannot be resolved', async () => {
    const wire = new Wire();
    wire.lookup = async () => ['10.0.0.1'];
    const calls = wire.callsTo(NAME);
    await heard(calls, 1);
    wire.lookup = async () => Promise.reject(new Error('ENOTFOUND'));
    await wire.clock.advance(60_000);
    expect(await heard(calls, 2)).toEqual([A, A]);
    expect(wire.lookups).toHaveLength(2);
  });

  it('that is unknown says so', async () => {
    const wire = new Wire();
    wire.lookup = async () => Promise.reject(new Error('getaddrinfo ENOTFOUND catalog'));
    await expect(wire.callsTo(NAME).call(asking())).rejects.toThrow(
      /no instance of catalog can be reached \(getaddrinfo ENOTFOUND catalog\)/,
    );
  });

  it('is waited for until the deadline or the cancellation', async () => {
    const wire = new Wire();
    wire.lookup = () => new Promise(() => undefined);
    const calls = wire.callsTo(NAME);
    await expect(calls.call(asking({ deadline: Deadline.within(20) }))).rejects.toBeInstanceOf(
      DeadlineExceededError,
    );
    const abort = new AbortController();
    const asked = calls.call(asking({ signal: abort.signal }));
    abort.abort(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
  });

  it('closes the connection to an address that left, when its replies have arrived', async () => {
    const wire = new Wire();
    wire.lookup = async () => ['10.0.0.1'];
    const calls = wire.callsTo(NAME);
    await heard(calls, 1);
    let answer = (_: unknown): void => undefined;
    wire.hold = new Promise((resolve) => (answer = resolve));
    const early = calls.call(asking());
    wire.hold = Promise.resolve();
    wire.lookup = async () => ['10.0.0.2'];
    await wire.clock.advance(5_000);
    const late = heard(calls, 1);
    await wire.clock.advance(0);
    expect(wire.closed).toEqual([]);
    answer(undefined);
    await Promise.all([early, late]);
    expect(wire.closed).toContain(A);
    expect(await heard(calls, 2)).toEqual([B, B]);
  });
});

describe('a file', () => {
  it('lists the addresses, and is read again while it is used', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'parley-calls-')), 'catalog');
    writeFileSync(file, `${A}\n`);
    const wire = new Wire();
    const calls = wire.callsTo(`test://${file}`);
    expect(await heard(calls, 2)).toEqual([A, A]);
    writeFileSync(file, `${B}\n`);
    await wire.clock.advance(5_000);
    const replies = new Set<string>();
    while (!replies.has(B!)) {
      replies.add((await heard(calls, 1))[0]!); // reads in the background
      await wire.clock.advance(0);
    }
    expect(await heard(calls, 2)).toEqual([B, B]);
  });
});

describe('an outlier', () => {
  const failing = (...addresses: string[]) => {
    const wire = new Wire();
    for (const one of addresses) wire.failing.add(one);
    return wire;
  };

  async function states(calls: BalancedCalls): Promise<string> {
    return calls
      .instances()
      .map(({ address, state }) => `${address} ${state}`)
      .join(', ');
  }

  it('is ejected, for a longer time each time, and comes back by itself', async () => {
    const wire = failing(B!);
    const calls = wire.callsTo(`test://${A},${B},${C}`);
    await heard(calls, 3);
    await wire.clock.advance(0);
    expect(countOf(await heard(calls, 180), B!)).toBe(0);
    expect(await states(calls)).toBe(`${A} in use, ${B} ejected, ${C} in use`);
    await wire.clock.advance(4_999);
    expect(await heard(calls, 30)).not.toContain('unhandled');
    await wire.clock.advance(1);
    expect(countOf(await heard(calls, 180), 'unhandled')).toBe(20);
    await wire.clock.advance(9_999);
    expect(await heard(calls, 30)).not.toContain('unhandled');
    wire.failing.clear();
    await wire.clock.advance(1);
    expect(countOf(await heard(calls, 30), B!)).toBe(10);
  });

  it('is none with fewer than 20 requests, or when the others fail as well', async () => {
    const few = failing(B!).callsTo(`test://${A},${B},${C}`);
    await heard(few, 57);
    expect(await states(few)).not.toContain('ejected');
    const all = failing(A!, B!, C!).callsTo(`test://${A},${B},${C}`);
    await heard(all, 300);
    expect(await states(all)).not.toContain('ejected');
  });

  it('never is more than half of the instances', async () => {
    const wire = failing(A!, B!);
    const calls = wire.callsTo(`test://${A},${B},${C}`);
    await heard(calls, 300);
    expect((await states(calls)).match(/ejected/g)).toHaveLength(1);
  });

  it('is no instance whose caller broke its contract', async () => {
    const wire = failing(B!);
    wire.code = 'invalid-request';
    const calls = wire.callsTo(`test://${A},${B}`);
    await heard(calls, 200);
    expect(await states(calls)).not.toContain('ejected');
  });
});

describe('a mesh', () => {
  it('is asked once, by its name', async () => {
    const wire = new Wire();
    const calls = wire.callsTo('test://catalog:1?balance=mesh');
    expect(calls.isMesh('catalog')).toBe(true);
    wire.down.add('catalog:1');
    await expect(calls.call(asking())).rejects.toBeInstanceOf(OwnerUnavailableError);
    expect([wire.asked, wire.lookups, wire.reached]).toEqual([['catalog:1'], [], []]);
  });
});
