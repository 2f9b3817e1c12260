import type { TransportContext } from '@parley/messaging/transport';
import { crc32 } from 'node:zlib';
import { type Address, TopologyMismatchError } from './address';
import type { Management, QueueInfo } from './management';

/*
 * Queues and addresses of an owner in ActiveMQ. Sender and consumer declare the same ones, in
 * either order; so commands wait for an owner that never ran yet.
 *
 *   inventory                       commands without a key
 *   inventory.lane-00 … lane-15     commands with a key; one consumer at a time each, so that a lane's order survives scaling
 *   inventory.dead                  messages that the broker gave up on; the owner keeps them with its dead letters
 *
 * Why not message groups: a group with a busy consumer holds up everything behind it in its queue,
 * also messages that other instances could handle. Every broadcast contract has a multicast
 * address, parley.<contract>.
 */

export const LANES = 16;

/**
 * The broker gives up after so many deliveries that failed: for commands that kill their consumer.
 * The pipeline's own limit comes long before.
 */
const DELIVERY_LIMIT = 1_000;

export const deadQueue = (owner: string): string => `${owner}.dead`;
export const laneQueues = (owner: string): string[] =>
  Array.from({ length: LANES }, (_, lane) => laneQueue(owner, lane));
export const queuesOf = (owner: string): string[] => [
  owner,
  ...laneQueues(owner),
  deadQueue(owner),
];
export const addressOf = (contract: string): string => `parley.${contract}`;

/** CRC-32 of the key's UTF-8 bytes, so that a sender in any language finds the same lane. */
export const laneOf = (owner: string, key: string): string => laneQueue(owner, crc32(key) % LANES);

export const isLane = (queue: string): boolean => /\.lane-\d\d$/.test(queue);

/**
 * Address settings, by the pattern of the addresses. The broker must neither invent queues with
 * settings of its own, nor multiply our retries with its own.
 */
export function settingsOf(
  owner: string,
): readonly (readonly [
  match: string,
  settings: Readonly<Record<string, string | number | boolean>>,
])[] {
  const dead = deadQueue(owner);
  const forAll = {
    deadLetterAddress: dead,
    expiryAddress: dead,
    sendToDLAOnNoRoute: true,
    maxDeliveryAttempts: DELIVERY_LIMIT,
    redeliveryDelay: 0,
    addressFullMessagePolicy: 'PAGE',
    autoCreateQueues: false,
    autoCreateAddresses: false,
    autoDeleteQueues: false,
    autoDeleteAddresses: false,
  };
  return [
    [`${owner}.#`, forAll],
    [dead, { ...forAll, sendToDLAOnNoRoute: false, maxDeliveryAttempts: -1 }],
  ];
}

/**
 * Creates missing queues and addresses. Existing ones with other settings are left alone and
 * refused.
 */
export async function declare(
  management: Management,
  owner: string,
  address: Address,
  mode: TransportContext['topology'] = 'create',
): Promise<void> {
  await settle(management, owner, address, mode);
  const missing = await missingQueues(management, owner, address);
  if (missing.length === 0) return;
  if (mode === 'verify') throw missingFrom(address, `the queue ${missing[0]}`);
  await Promise.all(
    missing.map((queue) =>
      management.ask('createQueue', JSON.stringify(queueSettings(queue)), true),
    ),
  );
  const [still] = await missingQueues(management, owner, address);
  if (still)
    throw new TopologyMismatchError(address, `did not make the queue ${still}; look into its log`);
}

async function missingQueues(
  management: Management,
  owner: string,
  address: Address,
): Promise<readonly string[]> {
  const there = new Map((await management.queues(owner)).map((queue) => [queue.name, queue]));
  for (const name of queuesOf(owner)) refuseOther(address, there.get(name));
  return queuesOf(owner).filter((name) => !there.has(name));
}

/**
 * Address settings first: a queue that exists before them could give its messages up by other
 * rules.
 */
async function settle(
  management: Management,
  owner: string,
  address: Address,
  mode: TransportContext['topology'],
): Promise<void> {
  for (const [match, wanted] of settingsOf(owner)) {
    const found = await management.settings(match.replace('.#', ''));
    const other = Object.entries(wanted).find(([name, value]) => found[name] !== value);
    if (!other) continue;
    const [name, value] = other;
    if (mode === 'verify')
      throw new TopologyMismatchError(
        address,
        `has ${name} ${String(found[name])} for ${match}, where ${value} is needed; correct its address settings`,
      );
    await management.ask('addAddressSettings', match, JSON.stringify(wanted));
  }
}

const queueSettings = (name: string) => ({
  name,
  address: name,
  'routing-type': 'ANYCAST',
  durable: true,
  exclusive: isLane(name),
  'auto-create-address': true,
});

function refuseOther(address: Address, queue: QueueInfo | undefined): void {
  if (!queue) return;
  const wanted = {
    routingType: 'ANYCAST',
    durable: 'true',
    exclusive: String(isLane(queue.name)),
  } as const;
  for (const [name, value] of Object.entries(wanted) as [keyof typeof wanted, string][]) {
    if (queue[name] === value) continue;
    throw new TopologyMismatchError(
      address,
      `holds ${queue.name} with other settings (${name} is ${queue[name]}, not ${value}); delete it when it is empty`,
    );
  }
}

export function missingFrom(address: Address, what: string): TopologyMismatchError {
  return new TopologyMismatchError(
    address,
    `does not have ${what}, and the topology is only verified here; make it first, as "npm run parley -- topology" prints it`,
  );
}

function laneQueue(owner: string, lane: number): string {
  return `${owner}.lane-${String(lane).padStart(2, '0')}`;
}
