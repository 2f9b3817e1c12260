import { eventually } from '@parley/conformance';
import { TemporarySchema } from '@parley/testing';
import { CreateMessages1796040000000 } from '../migrations/1796040000000-create-messages';
import { MessageStore } from './message-store';
import { MessageWriter, type Written } from './message-writer';
import { Segments } from './segments';
import { span, handledMessage } from './handled-message.fixture';

let database: TemporarySchema;
let store: MessageStore;
let writer: MessageWriter;
const logged: string[] = [];

beforeEach(async () => {
  logged.length = 0;
  database = await TemporarySchema.create(process.env.PARLEY_TEST_POSTGRES, [
    CreateMessages1796040000000,
  ]);
  const segments = new Segments(database.dataSource, { time: 86_400_000, bytes: 64 * 1_048_576 });
  store = new MessageStore(database.dataSource, segments);
  writer = writerTo(store);
});
afterEach(() => database.drop());

const writerTo = (to: Written): MessageWriter =>
  new MessageWriter(to, (_, message) => void logged.push(message));

/** A store that takes nothing until it is told to. */
function standing(): Written & { goOn(): void } {
  let goOn = (): void => undefined;
  const gate = new Promise<void>((open) => (goOn = open));
  return {
    goOn: () => goOn(),
    segments: store.segments,
    write: async (segment, batch) => {
      await gate;
      await store.write(segment, batch);
    },
  };
}

it('writes what arrives by itself, a message once however often it was handled', async () => {
  writer.start();
  writer.takeHandled([
    handledMessage({ id: 'id-1' }),
    handledMessage({ id: 'id-1', handling: { service: 'insights' } }),
  ]);
  writer.takeSpans([span()]);
  const found = await eventually(() => store.message('id-1'), 'the message');
  expect(found.handlings.map(({ service }) => service).sort()).toEqual([
    'insights',
    'notifications',
  ]);
  expect(await database.dataSource.query('select from message')).toHaveLength(1);
  expect((await store.trace('a'.repeat(32))).spans).toHaveLength(1);
  await writer.stop();
});

it('drops and counts what does not fit while the store is slow, and answers at once', async () => {
  const slow = standing();
  writer = writerTo(slow);
  const many = (count: number) => Array.from({ length: count }, () => handledMessage());
  let dropped = 0;
  for (let time = 0; time < 25; time++) dropped += writer.takeHandled(many(1_000));
  expect(dropped).toBe(5_000);
  expect(writer.takeSpans([span()])).toBe(1);
  expect(writer.figures).toEqual({
    received: 25_001,
    dropped: 5_001,
    droppedBySenders: 0,
    waiting: 20_000,
  });
  const written = writer.flush();
  slow.goOn();
  await written;
  expect(writer.figures.waiting).toBe(0);
  expect(writer.takeHandled(many(1))).toBe(0);
  await writer.stop();
});

it('drops bodies beyond its memory', () => {
  const body = JSON.stringify('x'.repeat(2 * 1_048_576));
  const large = Array.from({ length: 12 }, () => handledMessage({ body }));
  expect(large.reduce((sum, one) => sum + writer.takeHandled([one]), 0)).toBe(4);
});

it('keeps what waits while the database is away', async () => {
  let isAway = true;
  writer = writerTo({
    segments: store.segments,
    write: async (segment, batch) => {
      if (isAway) throw new Error('connection refused');
      await store.write(segment, batch);
    },
  });
  writer.takeHandled([handledMessage({ id: 'id-1' })]);
  await writer.flush();
  expect(writer.figures).toMatchObject({ waiting: 1, dropped: 0 });
  expect(logged).toEqual([expect.stringContaining('cannot be stored')]);
  isAway = false;
  await writer.stop(); // which waits no longer
  expect(await store.message('id-1')).toBeDefined();
});

it('leaves out what PostgreSQL refuses, and goes on', async () => {
  writer.takeHandled([handledMessage({ id: 'id-1', sent: 'no time' })]);
  await writer.flush();
  expect(writer.figures).toMatchObject({ waiting: 0, dropped: 1 });
  writer.takeHandled([handledMessage({ id: 'id-1' })]);
  await writer.flush();
  expect(await store.message('id-1')).toBeDefined();
});

it('goes on in the next part when its own was dropped', async () => {
  writer.takeHandled([handledMessage({ id: 'id-1' })]);
  await writer.flush();
  await store.segments.turn(1);
  await database.dataSource.query('drop table message_1, handling_1, span_1');
  writer.takeHandled([handledMessage({ id: 'id-1' })]);
  await writer.flush();
  await writer.stop();
  expect(await store.message('id-1')).toMatchObject({ handlings: [expect.anything()] });
});

it('writes a message again into each part in which it is handled', async () => {
  writer.takeHandled([handledMessage({ id: 'id-1' })]);
  await writer.stop();
  await store.segments.turn(1);
  writer = writerTo(store);
  writer.takeHandled([handledMessage({ id: 'id-1', handling: { attempt: 2, outcome: 'dead' } })]);
  await writer.stop();
  const { messages } = await store.search({ outcome: 'dead' }, 10);
  expect(messages.map(({ handlings }) => handlings.length)).toEqual([2]);
});
