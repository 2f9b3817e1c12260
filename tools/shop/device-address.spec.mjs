import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { deviceAddress } from './device-address.mjs';

/** @param {string} url */
const shopOn = (url) => ({ environment: { BROADCASTS_URL_SHIPPING_PARCEL_LOCATED: url } });

delete process.env.MQTT_URL;
afterEach(() => delete process.env.MQTT_URL);

test('a device looks at the broker of the shop that runs, without what is for its services', () =>
  assert.equal(
    deviceAddress(undefined, shopOn('mqtt://127.0.0.1:29883?retain=true')).href,
    'mqtt://127.0.0.1:29883',
  ));

test('--url wins over the shop', () =>
  assert.equal(
    deviceAddress('mqtts://broker.example', shopOn('mqtt://127.0.0.1:29883')).href,
    'mqtts://broker.example',
  ));

test('where the shop does not say it by MQTT: MQTT_URL, or the usual port', () => {
  const shop = shopOn('redis://127.0.0.1:6379');
  assert.equal(deviceAddress(undefined, shop).href, 'mqtt://127.0.0.1:1883');
  process.env.MQTT_URL = 'mqtt://127.0.0.1:1999';
  assert.equal(deviceAddress(undefined, shop).href, 'mqtt://127.0.0.1:1999');
});

test('another protocol is refused in a sentence', () =>
  assert.throws(() => deviceAddress('http://127.0.0.1', undefined), {
    message: 'The URL of an MQTT broker begins with mqtt:// or mqtts://.',
  }));
