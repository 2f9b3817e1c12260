import { command, event } from '@parley/contract';
import { systemClock, type TransportContext } from '@parley/messaging/transport';
import { z } from 'zod';
import { kafka } from './kafka';

const Letter = z.object({ address: z.string() });
const Sort = command('mailroom.sort-letter', Letter);
const Sorted = event('mailroom.letter-sorted', Letter, { key: 'address' });

const context: TransportContext = {
  service: 's',
  instance: 's-1',
  clock: systemClock,
  log: () => undefined,
};
const open = (options = '') => kafka.open!(`kafka://me:secret@host${options}`, context);

describe('what is said of Kafka', () => {
  it('names the topic of the owner, and the partition where there is a key', () => {
    const transport = open();
    expect(transport.describe!(Sort).map(({ name }) => name)).toEqual(['mailroom.commands']);
    expect(transport.describe!(Sorted).map(({ name }) => name)).toEqual([
      'mailroom.events',
      'by address',
    ]);
    expect(transport.address).toBe('kafka://host:9092');
  });

  it('lists the topics that must be there, each once', () => {
    const topics = open('?partitions=12&replication=3&min-insync=2').topology!(
      [Sort, Sorted, Sorted],
      [],
    );
    expect(topics.map(({ name }) => name)).toEqual(['mailroom.commands', 'mailroom.events']);
    expect(topics[1]).toMatchObject({
      what: 'topic',
      settings: {
        partitions: 12,
        replication: 3,
        'retention.ms': '-1',
        'min.insync.replicas': '2',
        'unclean.leader.election.enable': 'false',
      },
    });
    expect(open().topology!([Sort], [])[0]!.settings).toMatchObject({
      partitions: 'cluster default',
      'retention.ms': String(30 * 86_400_000),
    });
  });
});
