import { TrialDatabase } from '../trial-database.fixture';

jest.setTimeout(60_000);

/** Calls in one measurement, so that it is longer than a round trip. */
const CALLS = 50;
const MEASUREMENTS = 10;

let trial: TrialDatabase;

beforeAll(async () => {
  trial = await TrialDatabase.create([]);
});
afterAll(() => trial.drop());

/** Milliseconds in which the database finds the cause of a failure with this message. */
async function timeOf(message: string): Promise<number> {
  const started = performance.now();
  const { rows } = await trial.admin.query<{ cause: string }>(
    `select (parley.with_cause(json_populate_record(null::parley.dead,
       json_build_object('headers', '\\x7b7d', 'failure', $1::text)))).cause from generate_series(1, ${CALLS})`,
    [JSON.stringify({ error: 'Error', message })],
  );
  const time = performance.now() - started;
  expect(rows).toHaveLength(CALLS);
  return time;
}

it.each([
  ['digits', '0'],
  ['letters', 'a'],
  ['large letters', 'F'],
  ['hyphens', '-'],
  ['the beginning of a UUID', '01234567-'],
  ['a UUID without its last digit', '01234567-89ab-cdef-0123-456789abcde'],
  ['UUIDs', '01234567-89ab-cdef-0123-456789abcdef '],
])('the cause of a dead letter is found in linear time: a message of %s', async (_, part) => {
  const message = (length: number) => part.repeat(length).slice(0, length);
  let [short, long] = [Infinity, Infinity];
  for (let n = 0; n < MEASUREMENTS; n++) {
    short = Math.min(short, await timeOf(message(800)));
    long = Math.min(long, await timeOf(message(8_000)));
  }
  expect(long / short).toBeLessThan(30); // ten times as long; its square is a hundred
});
