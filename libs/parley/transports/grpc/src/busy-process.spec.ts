import { asking, CallTrial, waiting } from '@parley/conformance';
import { setTimeout as sleep } from 'node:timers/promises';
import { grpc } from './grpc';

/** The keepalive asks after 10 s of a connection with calls on it. */
const BEFORE_IT_ASKS_MS = 9_000;
const BUSY_MS = 6_000;

const trial = new CallTrial(grpc);
afterEach(() => trial.close());

it('an owner that is too busy for some seconds to answer the keepalive loses no reply', async () => {
  const handler = waiting();
  const served = await trial.serve(handler.answer);
  const answered = trial.transportTo(served).call(asking('{}', { within: 25_000 }));
  await sleep(BEFORE_IT_ASKS_MS);
  const letThrough = served.road.hold();
  await sleep(BUSY_MS);
  letThrough();
  handler.reply({ ok: true, body: Buffer.from('{}') });
  expect(await answered).toMatchObject({ ok: true });
}, 30_000);
