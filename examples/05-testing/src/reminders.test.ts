import 'reflect-metadata';
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { SagaModule } from '@parley/sagas';
import { Harness, type HarnessOptions } from '@parley/testing';
import {
  delivery,
  ParcelArrived,
  ParcelSent,
  RemindCarrier,
  ScanController,
  Scanner,
  ScanParcel,
} from './reminders.js';

const parcel = { parcelId: 'P1' };
let harness: Harness;
afterEach(() => harness.close());

/** The service, whole, on memory and in virtual time. */
async function post(options?: HarnessOptions) {
  harness = new Harness(options);
  return harness.start('post', {
    imports: [SagaModule.forRoot([delivery])],
    controllers: [ScanController],
    providers: [Scanner],
  });
}

test('a scanned parcel has arrived', async () => {
  await post();
  await harness.send(ScanParcel, parcel);
  await harness.settled();
  assert.deepEqual(harness.sent(ParcelArrived), [parcel]);
});

test('a scan that fails is tried again, and is a dead letter after the last retry', async () => {
  const service = await post();
  service.get(Scanner).isOn = false;
  await harness.send(ScanParcel, parcel);
  await harness.advance('5m');
  const letters = await harness.deadLetters();
  assert.deepEqual(
    letters.map(({ failure }) => failure.message),
    ['the scanner is off'],
  );
});

test('the carrier is reminded after half an hour, and not of a parcel that has arrived', async () => {
  await post();
  await harness.publish(ParcelSent, parcel);
  await harness.publish(ParcelSent, { parcelId: 'P2' });
  await harness.send(ScanParcel, { parcelId: 'P2' });
  await harness.advance('29m');
  assert.deepEqual(harness.sent(RemindCarrier), []);
  await harness.advance('1m');
  assert.deepEqual(harness.sent(RemindCarrier), [parcel]);
});

test('a broker that delivers messages twice and late changes nothing', async () => {
  await post({ mischief: { seed: 3, duplicate: 0.5, delay: 100, reorder: true } });
  for (let n = 1; n <= 20; n++) await harness.send(ScanParcel, { parcelId: `P${n}` });
  await harness.advance('1m');
  assert.equal(harness.sent(ParcelArrived).length, 20);
});
