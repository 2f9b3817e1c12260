// npm run device: a device that follows a parcel over MQTT. It knows MQTT, a topic and JSON, and
// nothing of Parley's code.
import mqtt from 'mqtt';
import { parseArgs } from 'node:util';
import path from 'node:path';
import { paint } from '../terminal/colours.mjs';
import { codeOf, messageOf } from '../terminal/errors.mjs';
import { deviceAddress } from './device-address.mjs';

/** @typedef {{ parcelId: string, place: string, at: string }} LocatedParcel */

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run device -- [parcelId] [options]      follows one parcel, or all of them
  --url URL     the MQTT broker (default: that of the running shop, else MQTT_URL, else mqtt://127.0.0.1:1883)
  --help`;

const TOPIC = 'parley/shipping/parcel-located';
/** Said by shipping's instances when they come, and by their last will when they go. */
const PRESENCE = 'parley/shipping/instances/+';
const ANSWERS_WITHIN_MS = 10_000;
const AGAIN_AFTER_MS = 1_000;

const { parcelId, url } = understood(process.argv.slice(2));
let everConnected = false;

/**
 * @param {string[]} argv
 * @returns {{ parcelId: string | undefined, url: URL }}
 */
function understood(argv) {
  try {
    const options = /** @type {const} */ ({
      url: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    });
    const { values, positionals } = parseArgs({ args: argv, options, allowPositionals: true });
    if (values.help) return end(HELP, 0);
    if (positionals.length > 1) throw new Error('One parcel at a time.');
    return {
      parcelId: positionals[0],
      url: deviceAddress(values.url),
    };
  } catch (error) {
    return end(`${messageOf(error)}\n\n${HELP}`, 2);
  }
}

/**
 * @param {string} text
 * @param {number} code
 * @returns {never}
 */
function end(text, code) {
  (code === 0 ? console.log : console.error)(text);
  process.exit(code);
}

/** @param {string | number} at */
const time = (at) =>
  Number.isNaN(new Date(at).getTime()) ? '--:--:--' : new Date(at).toLocaleTimeString('en-GB');

/**
 * Text of others may hold codes that a terminal would obey.
 * @param {unknown} value
 */
const plain = (value) => String(value).replace(/\p{Cc}/gu, '?');

/**
 * @param {Buffer} payload
 * @returns {LocatedParcel | undefined}
 */
function parcelOf(payload) {
  try {
    const sent = JSON.parse(payload.toString());
    const parcel = sent?.data ?? sent;
    return typeof parcel?.place === 'string' ? parcel : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {Buffer} payload
 * @param {boolean} retained
 */
function draw(payload, retained) {
  const parcel = parcelOf(payload);
  if (!parcel) return;
  const which = parcelId === undefined ? `${paint('grey', plain(parcel.parcelId))}  ` : '';
  console.log(
    `${time(parcel.at)}  ${which}${paint('cyan', plain(parcel.place))}${retained ? paint('grey', '  last known') : ''}`,
  );
}

/**
 * @param {string} topic
 * @param {Buffer} payload
 */
function drawPresence(topic, payload) {
  const gone = payload.toString() === 'offline';
  console.log(
    paint(
      gone ? 'red' : 'green',
      `${time(Date.now())}  ${plain(topic.split('/').at(-1))} ${gone ? 'has gone; nothing moves until shipping is back' : 'is there'}`,
    ),
  );
}

/** @param {string | number} [cause] */
const nothingAnswers = (cause) =>
  end(
    `No MQTT broker answers at ${url.host}${cause ? ` (${cause})` : ''}. Start one, and the shop with it:\n  npm run brokers -- up mqtt\n  npm start -- --on mqtt`,
    1,
  );

const client = mqtt.connect(url.href, {
  protocolVersion: 5,
  reconnectPeriod: AGAIN_AFTER_MS,
  connectTimeout: ANSWERS_WITHIN_MS,
});
const impatience = setTimeout(() => nothingAnswers('no answer'), ANSWERS_WITHIN_MS);

// The subscriptions of before are renewed by the client itself.
client.on('connect', () => {
  clearTimeout(impatience);
  if (everConnected) return console.log(paint('green', 'connected again'));
  everConnected = true;
  const topics = [
    parcelId === undefined ? `${TOPIC}/#` : `${TOPIC}/${encodeURIComponent(parcelId)}`,
    PRESENCE,
  ];
  client.subscribe(
    topics,
    { qos: 1 },
    (error) => error && end(`The broker does not let this device listen: ${error.message}`, 1),
  );
  console.log(paint('grey', `following ${parcelId ?? 'every parcel'} at ${url.host}; Ctrl-C ends`));
});
client.on('message', (topic, payload, { retain }) =>
  topic.startsWith(TOPIC) ? draw(payload, retain) : drawPresence(topic, payload),
);
client.on('error', (error) => !everConnected && nothingAnswers(codeOf(error) ?? error.message));
client.on(
  'offline',
  () => everConnected && console.log(paint('red', 'the connection is lost; trying again')),
);

for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => client.end(true, () => process.exit(0)));
