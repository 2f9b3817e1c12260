// The MQTT broker that a device follows parcels at.
import { readRun } from '../dev/run-file.mjs';

/** @import { Run } from '../dev/run-file.mjs' */

/**
 * @param {string} [asked] by --url
 * @param {Pick<Run, 'environment'>} [run] the start that runs here
 * @returns {URL} without its query, which is for those who say something, not for the broker
 */
export function deviceAddress(asked, run = readRun()) {
  const text = asked ?? brokerOfShop(run) ?? (process.env.MQTT_URL || 'mqtt://127.0.0.1:1883');
  if (!URL.canParse(text) || !/^mqtts?:$/.test(new URL(text).protocol))
    throw new Error('The URL of an MQTT broker begins with mqtt:// or mqtts://.');
  const address = new URL(text);
  address.search = '';
  return address;
}

/**
 * The broker on which devices follow the shop; undefined when it does not broadcast by MQTT.
 * @param {Pick<Run, 'environment'>} [run]
 */
function brokerOfShop(run) {
  const url = run?.environment?.BROADCASTS_URL_SHIPPING_PARCEL_LOCATED;
  return url?.startsWith('mqtt') ? url : undefined;
}
