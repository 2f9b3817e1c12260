// A call by Parley, on the technology that its settings name: validation, envelope, trace, deadline
// and the policies of calls; with `tls` by mutual TLS, and a policy of who may call.
import { kitIn, startKit } from '../../tools/calls/kit-process.mjs';
import { tlsFiles } from '../../tools/topology/environment.mjs';
import { answer, DEADLINE_MS, Reply, Request } from './quote.mjs';

/** @import { Contestant, Place } from './process.mjs' */

/** @param {Place} place @param {boolean} serves */
async function started({ dist, port, folder, settings }, serves) {
  const kit = kitIn(dist);
  const { call, fieldNumbers } = kit('contract');
  const technology = kit(`transports/${settings['technology']}`)[settings['technology']];
  const contract = call('catalog.quote-price', {
    request: Request,
    reply: Reply,
    deadline: DEADLINE_MS,
    idempotent: true,
    resilience: settings['extras'] ? { hedge: true, stale: '1m' } : {},
  });
  // By gRPC in protobuf; without numbers it travels as JSON.
  if (!settings['json'])
    fieldNumbers?.('catalog', {
      QuotePriceRequest: { orderId: 1, lines: 2 },
      'QuotePriceRequest.Lines': { sku: 1, quantity: 2, note: 3 },
      QuotePriceReply: { orderId: 1, total: 2 },
    });
  const service = serves ? 'catalog' : 'orders';
  const byTls = Boolean(settings['tls']);
  const files = byTls ? `?${new URLSearchParams(tlsFiles(service, folder))}` : '';
  const { messenger } = await startKit(kit, {
    service,
    technology,
    urlOf: () => `${technology.schemes[byTls ? 1 : 0]}://127.0.0.1:${port}${files}`,
    ...(byTls && { allowed: ['gateway', 'orders'] }),
    ...(serves && { answers: { contract, port, answer } }),
  });
  return { contract, messenger };
}

/** @type {Contestant} */
export default {
  serve: (place) => started(place, true),
  async caller(place) {
    const { contract, messenger } = await started(place, false);
    return (request) => messenger.call(contract, request);
  },
};
