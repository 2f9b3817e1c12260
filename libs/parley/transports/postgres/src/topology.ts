import {
  queueOf,
  type Hop,
  type Resource,
  type RegisteredSubscription,
} from '@parley/messaging/transport';
import type { Contract } from '@parley/contract';
import { channelOf as broadcastChannelOf } from './broadcast/broadcast';
import { PARTITIONS } from './log/log-append';
import { channelOf } from './cloudevents';

export function describeQueue({ owner, key }: Contract): readonly Hop[] {
  const lane =
    key === undefined
      ? { name: 'its own', why: 'without a key, commands wait for nothing' }
      : { name: `by ${key}`, why: `those of one ${key} are handled in the order they were sent` };
  return [
    {
      what: 'queue',
      name: `${owner} in parley.message`,
      why: 'commands wait for their owner; delayed ones in parley.later until they are due',
    },
    { what: 'lane', ...lane },
    {
      what: 'channel',
      name: channelOf(owner),
      why: 'wakes an instance that waits; a hint, nothing is lost without it',
    },
  ];
}

export const describeLog = ({ key }: Contract): readonly Hop[] => [
  {
    what: 'log',
    name: 'parley.event',
    why: 'facts are kept for every subscription, also for those that come later',
  },
  {
    what: 'partition',
    name: `1 of ${PARTITIONS}, by ${key}`,
    why: `those of one ${key} keep their order; the instances of a subscription share the partitions`,
  },
];

export const describeChannel = ({ owner }: Contract): readonly Hop[] => [
  {
    what: 'channel',
    name: broadcastChannelOf(owner),
    why: 'notified to every instance that listens now; kept for nobody',
  },
];

/**
 * Returns rows of existing tables: `npm run install-database` creates the schema that holds them
 * all.
 */
export function resourcesOf(
  sent: readonly Contract[],
  handled: readonly RegisteredSubscription[],
): readonly Resource[] {
  const contracts = [
    ...sent,
    ...handled.flatMap(({ handlers }) => [...handlers.values()].map(({ contract }) => contract)),
  ];
  const owners = (kind: string) =>
    [...new Set(contracts.filter((contract) => contract.kind === kind).map(queueOf))].sort();
  const durable = handled.filter(({ kind, live }) => kind === 'event' && !live);
  return [
    ...owners('command').map((owner) => ({
      what: 'queue',
      name: owner,
      settings: { table: 'parley.message' },
    })),
    ...(contracts.some(({ kind }) => kind === 'event')
      ? [{ what: 'log', name: 'parley.event', settings: { partitions: PARTITIONS } }]
      : []),
    ...durable.map(({ name, from }) => ({
      what: 'subscription',
      name,
      settings: { from: from instanceof Date ? from.toISOString() : from },
    })),
    ...owners('broadcast').map((owner) => ({
      what: 'channel',
      name: broadcastChannelOf(owner),
      settings: {},
    })),
  ];
}
