import { z } from 'zod';
import { asyncApiOf } from './async-api';
import { broadcast, call, command, event } from './contract';
import { schemaOf } from './contract-schema';

const Bake = command('bakery.bake-bread', z.object({ loaf: z.string() }), { key: 'loaf' });
const Baked = event(
  'bakery.bread-baked',
  z.object({ loaf: z.string(), baker: z.object({ name: z.string(), shift: z.int() }) }),
  {
    key: 'loaf',
    version: 2,
    upcasts: { 1: (old: object) => old as never },
    personal: { subject: 'loaf', fields: { 'baker.name': 'erased' } },
  },
);
const Smelt = broadcast('bakery.smell-spread', z.object({ street: z.string() }));
const Ask = call('bakery.ask-price', {
  request: z.object({}),
  reply: z.object({ cents: z.int() }),
});
const schemas = [Bake, Baked, Smelt, Ask].map(schemaOf);

const document = asyncApiOf('bakery', schemas);
const messages = document.components['messages']!;

it('has the commands that an owner receives, and the events and broadcasts that it sends', () => {
  expect(document).toMatchObject({ asyncapi: '3.1.0', info: { title: 'bakery' } });
  const actions = Object.values(document.operations).map(({ action, channel }) => [
    action,
    channel,
  ]);
  expect(actions).toEqual([
    ['receive', { $ref: '#/channels/bakery.bake-bread' }],
    ['send', { $ref: '#/channels/bakery.bread-baked' }],
    ['send', { $ref: '#/channels/bakery.smell-spread' }],
  ]);
  expect(Object.keys(messages)).not.toContain('bakery.ask-price');
});

it('has no addresses while no technology is chosen', () => {
  expect(document.channels['bakery.smell-spread']).toMatchObject({ address: null });
});

it('has the channels that are given, with all that pass them', () => {
  const { channels, operations } = asyncApiOf('bakery', schemas, {
    servers: { kafka: { host: 'broker', protocol: 'kafka' } },
    channels: [
      {
        id: 'kafka.commands',
        address: 'bakery.commands',
        server: 'kafka',
        contracts: ['bakery.bake-bread'],
        operation: { 'x-retries': { immediate: 3 } },
      },
      { id: 'kafka.others', address: 'cellar.events', contracts: ['cellar.wine-sold'] },
    ],
  });
  expect(channels).toEqual({
    'kafka.commands': {
      address: 'bakery.commands',
      title: 'kafka.commands',
      servers: [{ $ref: '#/servers/kafka' }],
      messages: { 'bakery.bake-bread': { $ref: '#/components/messages/bakery.bake-bread' } },
    },
  });
  expect(operations['kafka.commands.receive']).toEqual({
    action: 'receive',
    channel: { $ref: '#/channels/kafka.commands' },
    messages: [{ $ref: '#/channels/kafka.commands/messages/bakery.bake-bread' }],
    'x-retries': { immediate: 3 },
  });
});

it('says that personal fields are texts on the wire, and shows all other fields as they are', () => {
  expect(messages['bakery.bread-baked']).toMatchObject({
    description: expect.stringContaining('Versions 1 can be read, too.') as string,
    payload: {
      properties: {
        loaf: { type: 'string' },
        baker: {
          properties: {
            name: { anyOf: [{ type: 'string' }, { type: 'string', pattern: '^sealed:v1:' }] },
            shift: { type: 'integer' },
          },
        },
      },
    },
  });
  expect(messages['bakery.bake-bread']!['payload']).toEqual(schemaOf(Bake).payload);
});
