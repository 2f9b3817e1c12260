import { context, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { Controller } from '@nestjs/common';
import { call, command, event } from '@parley/contract';
import {
  type CallContext,
  CallError,
  CallNotAllowedError,
  currentConversation,
  Handles,
  Messenger,
  UnrecoverableError,
} from '../index';
import { keyHash, readTraceparent } from '../transport';
import { Harness } from '@parley/testing';
import { z } from 'zod';
import { Logger } from '@parley/observability';
import { Spans } from './tracing.fixture';

const Bread = z.object({ customer: z.string() });
const Bake = command('bakery.bake-bread', Bread, { key: 'customer' });
const Baked = event('bakery.bread-baked', Bread, { key: 'customer' });
const Count = command('bakery.count-bread', Bread, { key: 'customer' });
const Ask = call('bakery.ask-price', {
  request: z.object({ bread: z.string() }),
  reply: z.object({ price: z.number() }),
  errors: { 'no-such-bread': z.object({}) },
});

const lines: Record<string, unknown>[] = [];
const logger = new Logger({
  service: 'bakery',
  instance: 'bakery-1',
  level: 'info',
  destination: { write: (line) => void lines.push(JSON.parse(line)) },
});
const asked: CallContext[] = [];
let failures = 0;
let never = false;

@Controller()
class Bakery {
  constructor(private readonly messenger: Messenger) {}

  @Handles(Bake)
  async bake(bread: z.infer<typeof Bread>): Promise<void> {
    logger.log('baking');
    if (never) throw new UnrecoverableError(`no bread for ${bread.customer}`);
    if (failures-- > 0) throw new RangeError(`too hot for ${bread.customer}`);
    await this.messenger.publish(Baked, bread);
  }

  @Handles(Count, { batch: 10 })
  async count(): Promise<void> {
    return undefined;
  }

  @Handles(Ask)
  async price({ bread }: { bread: string }, context: CallContext): Promise<{ price: number }> {
    asked.push(context);
    if (bread === 'stone') throw new CallError(Ask, 'no-such-bread', {});
    if (bread === 'fire') throw new Error('burnt');
    return { price: currentConversation() ? 3 : 0 };
  }
}

/** Callers show a token, and are the mill by it. */
class MillCalls extends Harness {
  constructor(private readonly allowed: readonly string[]) {
    super({ tracing: (_service, now) => spans.tracing(now) });
  }

  protected override messagingOptions(...args: Parameters<Harness['messagingOptions']>) {
    const tokens = {
      verifies: true,
      tokenFor: () => 'a.mill.token',
      callerOf: () => ({ service: 'mill' }),
      close: () => undefined,
    };
    return { ...super.messagingOptions(...args), callers: { allowed: this.allowed, tokens } };
  }
}

let spans: Spans;
let harness: Harness;
let letters: Awaited<ReturnType<Harness['start']>>['store']['lanes']['deadLetters'];

async function start(
  traced = true,
  place = new Harness(traced ? { tracing: (_service, now) => spans.tracing(now) } : {}),
): Promise<void> {
  harness = place;
  const { store } = await harness.start('bakery', { controllers: [Bakery] });
  letters = store.lanes.deadLetters;
}

beforeEach(() => {
  spans = new Spans();
  lines.length = 0;
  asked.length = 0;
  failures = 0;
  never = false;
});
afterEach(async () => {
  await harness.close();
  spans.close();
});

const linked = ({ links }: ReadableSpan) => links.map((link) => link.context.spanId);
const idOf = (span: ReadableSpan | undefined) => span!.spanContext().spanId;
const traceOf = (span: ReadableSpan | undefined) => span!.spanContext().traceId;

describe('a message', () => {
  it('continues the trace of its creation when it is handled for the first time, alone', async () => {
    await start();
    await harness.send(Bake, { customer: 'ada' });
    await harness.settled();
    const [create] = spans.named('create bakery.bake-bread');
    const [process] = spans.named('process bakery.bake-bread');
    const [next] = spans.named('create bakery.bread-baked');
    expect(process!.parentSpanContext?.spanId).toBe(idOf(create));
    expect(next!.parentSpanContext?.spanId).toBe(idOf(process));
    expect(linked(process!)).toEqual([idOf(create)]);
    expect(process!.attributes).toMatchObject({
      'messaging.system': 'memory',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'bakery.bake-bread',
      'messaging.destination.subscription.name': 'bakery',
      'parley.attempt': 1,
      'parley.outcome': 'done',
    });
  });

  it('is handled within the span whose trace the log names', async () => {
    await start();
    await harness.send(Bake, { customer: 'ada' });
    await harness.settled();
    const [process] = spans.named('process bakery.bake-bread');
    expect(lines).toMatchObject([{ message: 'baking', traceId: traceOf(process) }]);
  });

  it('links to its creation, in a trace of its own, when it is retried after a while', async () => {
    await start();
    failures = 4; // the first delivery with its immediate tries
    await harness.send(Bake, { customer: 'ada' });
    await harness.settled();
    await harness.advance('5s');
    await harness.settled();
    const [create] = spans.named('create bakery.bake-bread');
    const [failed, retried] = spans.named('process bakery.bake-bread');
    expect(failed!.status.code).toBe(2);
    expect(failed!.attributes).toMatchObject({
      'error.type': 'RangeError',
      'parley.outcome': 'retry',
      'parley.tries': 4,
    });
    expect(retried!.parentSpanContext).toBeUndefined();
    expect(linked(retried!)).toEqual([idOf(create)]);
    expect(traceOf(retried)).not.toBe(traceOf(create));
    expect(lines.at(-1)).toMatchObject({ traceId: traceOf(retried) });
    expect(retried!.attributes).toMatchObject({ 'parley.attempt': 2, 'parley.outcome': 'done' });
  });

  it('links to its creation when it is a dead letter that is replayed', async () => {
    await start();
    never = true;
    await harness.send(Bake, { customer: 'ada' });
    await harness.settled();
    never = false;
    const [letter] = await letters.list();
    await letters.replay(letter!.id);
    await harness.settled();
    const [create] = spans.named('create bakery.bake-bread');
    const [dead, replayed] = spans.named('process bakery.bake-bread');
    expect(dead!.attributes).toMatchObject({
      'parley.outcome': 'dead',
      'parley.dead_letter.cause': 'UnrecoverableError',
    });
    expect(replayed!.parentSpanContext).toBeUndefined();
    expect(linked(replayed!)).toEqual([idOf(create)]);
  });

  it('links to its creation when it was delayed by its sender', async () => {
    await start();
    await harness.send(Bake, { customer: 'ada' }, { delay: '2h' });
    await harness.advance('3h');
    await harness.settled();
    const [process] = spans.named('process bakery.bake-bread');
    expect(process!.parentSpanContext).toBeUndefined();
    expect(linked(process!)).toEqual([idOf(spans.named('create bakery.bake-bread')[0])]);
  });

  it('is one of the links of the batch that it is handled in', async () => {
    await start();
    for (const customer of ['ada', 'bob', 'eve']) await harness.send(Count, { customer });
    await harness.settled();
    const created = spans.named('create bakery.count-bread').map(idOf);
    const processed = spans.named('process bakery.count-bread');
    expect(processed.flatMap(linked).sort()).toEqual([...created].sort());
    const batch = processed.find(({ links }) => links.length > 1);
    expect(batch!.parentSpanContext).toBeUndefined();
    expect(batch!.attributes['messaging.batch.message_count']).toBe(batch!.links.length);
  });

  it('leaves neither its key nor the text of an error in a span', async () => {
    await start();
    never = true;
    await harness.send(Bake, { customer: 'Ada Lovelace' });
    await harness.settled();
    const [process] = spans.named('process bakery.bake-bread');
    expect(process!.attributes['parley.lane.hash']).toBe(keyHash('Ada Lovelace'));
    const { attributes, events, status, links } = process!;
    expect(JSON.stringify([attributes, events, status, links])).not.toContain('Ada');
  });
});

describe('a call', () => {
  it('is a client span with a server span below it', async () => {
    await start();
    await harness.call(Ask, { bread: 'rye' });
    const [server, client] = spans.named('bakery.Bakery/AskPrice');
    expect(server!.parentSpanContext?.spanId).toBe(idOf(client));
    expect([server!.kind, client!.kind]).toEqual([1, 2]);
    expect(client!.attributes).toMatchObject({
      'rpc.system.name': 'memory',
      'rpc.method': 'bakery.Bakery/AskPrice',
      'rpc.response.status_code': 'OK',
    });
  });

  it('fails at the caller alone when the contract names the error', async () => {
    await start();
    await expect(harness.call(Ask, { bread: 'stone' })).rejects.toThrow(CallError);
    const [server, client] = spans.named('bakery.Bakery/AskPrice');
    expect([server!.status.code, client!.status.code]).toEqual([0, 2]);
    expect(client!.attributes).toMatchObject({
      'error.type': 'no-such-bread',
      'rpc.response.status_code': 'FAILED_PRECONDITION',
    });
  });

  it('fails on both sides when its owner does', async () => {
    await start();
    await expect(harness.call(Ask, { bread: 'fire' })).rejects.toThrow(CallError);
    const [server, client] = spans.named('bakery.Bakery/AskPrice');
    expect([server!.status.code, client!.status.code]).toEqual([2, 2]);
  });

  it('continues its trace in the handler where its caller is proven', async () => {
    await start(true, new MillCalls(['mill']));
    await harness.call(Ask, { bread: 'rye' });
    const [server, client] = spans.named('bakery.Bakery/AskPrice');
    expect(server!.parentSpanContext?.spanId).toBe(idOf(client));
    expect(asked[0]!.caller).toEqual({ service: 'mill', proof: 'token' });
    const { source, traceparent } = asked[0]!.envelope;
    expect([source, readTraceparent(traceparent)?.spanId]).toEqual(['/mill', idOf(server)]);
  });

  it('fails at the caller alone when it may not be made', async () => {
    await start(true, new MillCalls(['oven']));
    await expect(harness.call(Ask, { bread: 'rye' })).rejects.toThrow(CallNotAllowedError);
    const [client, ...others] = spans.named('bakery.Bakery/AskPrice');
    expect([client!.kind, others]).toEqual([2, []]);
    expect(client!.attributes).toMatchObject({
      'error.type': 'not-allowed',
      'rpc.response.status_code': 'PERMISSION_DENIED',
    });
  });
});

describe('without tracing', () => {
  it('calls nothing of the API, and messages still have a valid context', async () => {
    const api = [
      ...(['active', 'with', 'bind'] as const).map((name) => jest.spyOn(context, name)),
      ...(['getSpan', 'setSpan', 'getTracer', 'setSpanContext', 'getSpanContext'] as const).map(
        (name) => jest.spyOn(trace, name),
      ),
    ];
    await start(false);
    failures = 4;
    await harness.send(Bake, { customer: 'ada' });
    await harness.send(Count, { customer: 'ada' });
    await harness.call(Ask, { bread: 'rye' });
    await harness.settled();
    await harness.advance('5s');
    await harness.settled();
    expect(lines).toHaveLength(5);
    expect(
      readTraceparent(`00-${String(lines[0]!['traceId'])}-${'b'.repeat(16)}-01`),
    ).toBeDefined();
    for (const one of api) expect(one).not.toHaveBeenCalled();
  });
});
