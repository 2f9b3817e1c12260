import { command } from '@parley/contract';
import { Envelopes, headersOf, systemClock } from '@parley/messaging/transport';
import { z } from 'zod';
import { contentOf, deliveryOf, payloadOf } from './wire';

const contract = command('stock.count', z.object({ sku: z.string() }), { key: 'sku' });
const envelopes = new Envelopes({ service: 'shop', instance: 'shop-1', build: '1' }, systemClock);

describe('the wire of nats', () => {
  it.each(['{"sku":"éclair"}', 'not json', ''])('carries envelope and body: %j', (text) => {
    const envelope = envelopes.write(contract, { sku: 'éclair' });
    const body = Buffer.from(text);
    const content = contentOf(payloadOf({ contract, envelope, body }));
    expect(content.headers).toEqual(headersOf(envelope));
    expect(content.body.equals(body)).toBe(true);
  });

  it('keeps a payload that is no CloudEvent as it came', () =>
    expect(contentOf(Buffer.from('{"a":1}'))).toEqual({
      headers: {},
      body: Buffer.from('{"a":1}'),
    }));

  it.each([
    ['$JS.ACK.parley-orders-events.hello-7.3.125.41.1795000000000000000.9', 3, 125],
    ['$JS.ACK.hub.A1b2.parley-orders-events.hello-7.3.125.41.1795000000000000000.9.x7', 3, 125],
  ])('reads the delivery from %s', (reply, count, sequence) =>
    expect(deliveryOf(reply)).toEqual({ count, sequence }),
  );
});
