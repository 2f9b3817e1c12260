// gRPC by hand: grpc-js with its proto loader; both sides validate, deadline and trace travel with
// it.
import fs from 'node:fs';
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import { peer } from '../measure/peers.mjs';
import { answerValidated, DEADLINE_MS, PROTO, Reply, Request, TRACE } from './quote.mjs';

/** @import { Contestant, Place } from './process.mjs' */

/** @param {Place} place */
export function protoOf({ folder }) {
  const file = path.join(folder, 'catalog.proto');
  fs.writeFileSync(file, PROTO);
  return file;
}

/** @param {Place} place @returns {Promise<any>} */
async function catalog(place) {
  const { loadSync } = (await peer('@grpc/proto-loader')).default;
  const { catalog } = grpc.loadPackageDefinition(loadSync(protoOf(place), { keepCase: true }));
  return /** @type {any} */ (catalog).Catalog;
}

/** @type {Contestant} */
export default {
  async serve(place) {
    const server = new grpc.Server();
    server.addService((await catalog(place)).service, {
      /** @type {grpc.handleUnaryCall<unknown, unknown>} */
      QuotePrice({ request }, reply) {
        try {
          reply(null, answerValidated(request));
        } catch (error) {
          reply(/** @type {Error} */ (error));
        }
      },
    });
    await new Promise((resolve, reject) =>
      server.bindAsync(
        `127.0.0.1:${place.port}`,
        grpc.ServerCredentials.createInsecure(),
        (error) => (error ? reject(error) : resolve(undefined)),
      ),
    );
  },

  async caller(place) {
    const Catalog = await catalog(place);
    const client = new Catalog(`127.0.0.1:${place.port}`, grpc.credentials.createInsecure());
    return (request) =>
      new Promise((resolve, reject) => {
        const metadata = new grpc.Metadata();
        metadata.set('traceparent', TRACE);
        const timeOfDay = Date.now();
        client.QuotePrice(
          Request.parse(request),
          metadata,
          { deadline: timeOfDay + DEADLINE_MS },
          (/** @type {Error | null} */ error, /** @type {unknown} */ reply) =>
            error ? reject(error) : resolve(Reply.parse(reply)),
        );
      });
  },
};
