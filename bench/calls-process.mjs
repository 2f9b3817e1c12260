// One process of the bench of calls: `node calls-process.mjs <dist> <technology>[-json] <port>
// [serve]`. Answers calls at the port, or makes as many there as its parent orders.
import { kitIn, startKit } from '../tools/calls/kit-process.mjs';
import { answer, DEADLINE_MS, measured, Reply, Request, request } from './calls-load.mjs';

const [dist = '', given = '', port, role] = process.argv.slice(2);
const [name = '', form] = given.split('-');
const kit = kitIn(dist);
const { call, fieldNumbers } = kit('contract');
const technology = kit(`transports/${name}`)[name];

const contract = call('catalog.quote-price', {
  request: Request,
  reply: Reply,
  deadline: DEADLINE_MS,
  idempotent: true,
  resilience: process.env.CALLS_EXTRAS === 'on' ? { hedge: true, stale: '1m' } : {},
});
// By gRPC in protobuf; grpc-json has the JSON of contracts without numbers, as older builds have for
// all contracts.
if (form !== 'json')
  fieldNumbers?.('catalog', {
    QuotePriceRequest: { orderId: 1, lines: 2 },
    'QuotePriceRequest.Lines': { sku: 1, quantity: 2, note: 3 },
    QuotePriceReply: { orderId: 1, total: 2 },
  });

const { messenger } = await startKit(kit, {
  service: role === 'serve' ? 'catalog' : 'orders',
  technology,
  urlOf: () => `${technology.schemes[0]}://127.0.0.1:${port}`,
  ...(role === 'serve' && { answers: { contract, port: Number(port), answer } }),
});
measured(() => messenger.call(contract, request));
