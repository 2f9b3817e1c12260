import { randomUUID } from 'node:crypto';
import { asyncApiOf, broadcast, call, command, type Contract } from '@parley/contract';
import { z } from 'zod';
import { InvalidMessageError } from './codec';
import { inConversation } from './handler-context';
import { Envelopes, readEnvelope } from './envelope';
import { type Envelope, headersOf, type Headers } from './message';
import { traceIdOf } from './trace';

const Stamp = command('postoffice.stamp-letter', z.object({ letter: z.string() }), {
  key: 'letter',
  version: 2,
});
const Sort = command('postoffice.sort-letters', z.object({ letter: z.string() }));
const Ask = call('postoffice.ask-weight', {
  request: z.object({ letter: z.string() }),
  reply: z.object({ grams: z.int() }),
});
const Rang = broadcast('postoffice.bell-rang', z.object({ letter: z.string() }));
const Closed = broadcast('postoffice.desk-closed', z.object({ letter: z.string() }));

const NOW = Date.parse('2026-01-01T12:00:00.000Z');
const office = () =>
  new Envelopes(
    { service: 'postoffice', instance: 'postoffice-1', build: 'abc' },
    { now: () => NOW, elapsed: () => 0, after: () => () => {} },
  );
const letter = { letter: 'l-1' };

describe('an envelope that is written', () => {
  it('holds what CloudEvents and a reader need', () => {
    const envelope = office().write(Stamp, letter);
    expect(envelope).toMatchObject({
      specversion: '1.0',
      type: 'postoffice.stamp-letter',
      source: '/postoffice',
      time: '2026-01-01T12:00:00.000Z',
      datacontenttype: 'application/json',
      contractversion: '2',
      partitionkey: 'l-1',
      producerinstance: 'postoffice-1',
      producerbuild: 'abc',
    });
    expect(envelope.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('has no attribute that AsyncAPI documents leave out', () => {
    const all: Readonly<Record<keyof Envelope, true>> = {
      specversion: true,
      id: true,
      type: true,
      source: true,
      time: true,
      datacontenttype: true,
      contractversion: true,
      correlationid: true,
      causationid: true,
      partitionkey: true,
      passdeadletters: true,
      idempotencykey: true,
      expirytime: true,
      priority: true,
      traceparent: true,
      tracestate: true,
      producerinstance: true,
      producerbuild: true,
      sequence: true,
      dataref: true,
    };
    const { schemas } = asyncApiOf('postoffice', []).components;
    expect(Object.keys(schemas!['Envelope']!['properties'] as object)).toEqual(Object.keys(all));
  });

  it('begins a conversation where there is none', () => {
    const { id, correlationid, causationid } = office().write(Stamp, letter);
    expect([correlationid, causationid]).toEqual([id, undefined]);
  });

  it('belongs to the conversation it is said in, and to its trace', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const envelope = inConversation({ correlationId: 'c-1', messageId: 'm-1', traceparent }, () =>
      office().write(Stamp, letter),
    );
    expect(envelope).toMatchObject({ correlationid: 'c-1', causationid: 'm-1' });
    expect(traceIdOf(envelope.traceparent)).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
    expect(envelope.traceparent).not.toBe(traceparent);
  });

  it('has no lane when its contract has no key', () => {
    expect(office().write(Sort, letter).partitionkey).toBeUndefined();
  });

  it('says until when it is worth handling', () => {
    expect(office().write(Stamp, letter, { expires: 1_500 }).expirytime).toBe(
      '2026-01-01T12:00:01.500Z',
    );
  });

  it('has the same id again under the same idempotency key, but as a call: a reply is kept instead', () => {
    const ids = (contract: Contract) =>
      ['k-1', 'k-1', 'k-2', undefined, undefined].map(
        (idempotencyKey) => office().write(contract, letter, { idempotencyKey }).id,
      );
    expect(new Set(ids(Stamp)).size).toBe(4);
    expect(ids(Stamp).slice(0, 3)).toEqual(ids(Stamp).slice(0, 3));
    expect(new Set(ids(Ask)).size).toBe(5);
    expect(office().write(Ask, letter, { idempotencyKey: 'k-1' }).idempotencykey).toBe('k-1');
  });

  it('says whether it passes dead letters', () => {
    expect(office().write(Stamp, letter).passdeadletters).toBeUndefined();
    expect(office().write(Stamp, letter, { passDeadLetters: true }).passdeadletters).toBe('true');
  });

  it.each([
    [undefined, undefined, undefined],
    ['batch', undefined, 'batch'],
    [undefined, 'batch', 'batch'],
    ['batch', 'interactive', undefined],
    [undefined, 'interactive', undefined],
  ] as const)(
    'in a conversation of priority %s, sent with priority %s, has priority %s',
    (conversation, priority, written) => {
      const envelope = inConversation(
        { correlationId: 'c-1', traceparent: '', priority: conversation },
        () => office().write(Stamp, letter, { priority }),
      );
      expect(envelope.priority).toBe(written);
    },
  );

  it('counts broadcasts up, each contract by itself, and nothing else', () => {
    const envelopes = office();
    const sent = [Rang, Stamp, Rang, Closed, Rang].map(
      (contract) => envelopes.write(contract, letter).sequence,
    );
    expect(sent).toEqual(['1', undefined, '2', '1', '3']);
  });

  it('is read as it was written', () => {
    const envelope = inConversation(
      { correlationId: 'c-1', messageId: randomUUID(), traceparent: '' },
      () => office().write(Stamp, letter, { expires: 1 }),
    );
    expect({ ...readEnvelope(headersOf(envelope)), traceparent: envelope.traceparent }).toEqual(
      envelope,
    );
  });

  it('has no header for what it lacks', () => {
    expect(Object.keys(headersOf(office().write(Sort, letter)))).not.toContain('partitionkey');
  });
});

describe('an envelope of a stranger', () => {
  const id = randomUUID();
  const least: Headers = { id, type: 'postoffice.stamp-letter' };
  const refusal = (headers: Headers) => {
    try {
      readEnvelope(headers);
    } catch (error) {
      return (error as InvalidMessageError).issues.map(({ path }) => path);
    }
    return 'read';
  };

  it('needs an id and a contract, and is completed', () => {
    expect(readEnvelope(least)).toMatchObject({
      id,
      correlationid: id,
      source: '/unknown',
      contractversion: '1',
      producerinstance: 'unknown',
      producerbuild: 'unknown',
    });
  });

  it.each<[string, Headers, string]>([
    ['no id', { type: 'a.b' }, 'id'],
    ['a blank id', { ...least, id: '' }, 'id'],
    ['an id that is no UUID', { ...least, id: '42' }, 'id'],
    ['an id with something behind', { ...least, id: `${id}\n` }, 'id'],
    ['an id with something before', { ...least, id: `x${id}` }, 'id'],
    ['no contract', { id }, 'type'],
    ['a blank contract', { ...least, type: '' }, 'type'],
    ['a contract of blanks', { ...least, type: '  ' }, 'type'],
    ['blanks around its contract', { ...least, type: ' a.b' }, 'type'],
    ['a huge contract', { ...least, type: 'a'.repeat(1_025) }, 'type'],
    ['a huge key', { ...least, partitionkey: 'k'.repeat(1_025) }, 'partitionkey'],
    ['a huge correlation', { ...least, correlationid: 'k'.repeat(100_000) }, 'correlationid'],
    ['a huge producer', { ...least, producerinstance: 'k'.repeat(2_000) }, 'producerinstance'],
    ['a time of expiry that is no time', { ...least, expirytime: 'soon' }, 'expirytime'],
    ['a CloudEvents version of its own', { ...least, specversion: '0.3' }, 'specversion'],
    ['a body of text', { ...least, datacontenttype: 'text/plain' }, 'datacontenttype'],
    ['a body of lines', { ...least, datacontenttype: 'application/jsonl' }, 'datacontenttype'],
    ['a kind of JSON', { ...least, datacontenttype: 'x-application/json' }, 'datacontenttype'],
    ['version zero', { ...least, contractversion: '0' }, 'contractversion'],
    ['half a version', { ...least, contractversion: '1.5' }, 'contractversion'],
    ['a named version', { ...least, contractversion: 'v2' }, 'contractversion'],
    ['a huge version', { ...least, contractversion: '1'.repeat(10) }, 'contractversion'],
    ['headers that its technology could not read', { ...least, unreadable: 'no AMQP' }, ''],
  ])('with %s is refused', (_, headers, attribute) => {
    expect(refusal(headers)).toEqual([attribute]);
  });

  it.each(['', 'nonsense', '00-0-0-00', `00-${'g'.repeat(32)}-${'0'.repeat(16)}-01`])(
    'with the trace %j begins a new one',
    (traceparent) => {
      expect(traceIdOf(readEnvelope({ ...least, traceparent }).traceparent)).toMatch(
        /^[0-9a-f]{32}$/,
      );
    },
  );

  it('keeps the trace it came with', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    expect(traceIdOf(readEnvelope({ ...least, traceparent }).traceparent)).toBe(
      '4bf92f3577b34da6a3ce929d0e0e4736',
    );
  });

  it.each(['', '   '])(
    'with the correlation %j begins a conversation of its own',
    (correlationid) => {
      expect(readEnvelope({ ...least, correlationid }).correlationid).toBe(id);
    },
  );

  it('keeps what it came with', () => {
    const headers = {
      ...least,
      datacontenttype: 'application/json; charset=utf-8',
      contractversion: '10',
      time: '2025-12-31T23:59:59Z',
      source: '/postoffice',
      correlationid: 'c'.repeat(1_024),
      causationid: 'm-1',
      partitionkey: 'l-1',
      expirytime: '2026-01-01T13:00:00Z',
      sequence: '7',
      dataref: 'claim-1',
      idempotencykey: 'k-1',
      producerinstance: 'postoffice-1',
      producerbuild: 'abc',
    };
    expect(readEnvelope(headers)).toMatchObject({
      ...headers,
      datacontenttype: 'application/json',
    });
  });

  it.each([
    ['batch', 'batch'],
    ['interactive', undefined],
    ['at once', undefined],
  ])('with the priority %j has the priority %j', (priority, read) => {
    expect(readEnvelope({ ...least, priority }).priority).toBe(read);
  });

  it('with a time that is none counts as said long ago', () => {
    expect(readEnvelope({ ...least, time: 'yesterday' }).time).toBe('1970-01-01T00:00:00.000Z');
  });
});
