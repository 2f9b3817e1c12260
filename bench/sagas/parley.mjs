// Parley: a saga of the shop, and a warehouse that answers its commands by events; both on
// PostgreSQL.
import { z } from 'zod';
import { kitIn } from '../../tools/calls/kit-process.mjs';
import {
  controllerWith,
  databaseOf,
  installKit,
  startService,
} from '../measure/kit-application.mjs';

/** @import { Contestant, Place } from './process.mjs' */

const Order = z.object({ orderId: z.string() });
const STEPS = ['reserve', 'charge', 'ship'];

/** @param {Place} place */
function contractsIn({ dist }) {
  const { command, event } = kitIn(dist)('contract');
  const key = { key: 'orderId' };
  return {
    placed: event('shop.order-placed', Order, key),
    steps: STEPS.map((name) => ({
      name,
      asked: command(`warehouse.${name}-order`, Order, key),
      done: event(`warehouse.order-${name}-done`, Order, key),
    })),
  };
}

/** @param {Place} place @param {'shop' | 'warehouse'} service @param {object} options */
function started(place, service, options) {
  const url = databaseOf(place, service);
  return startService(place, {
    service,
    technologies: ['postgres'],
    urls: { commands: url, events: url },
    ...options,
  });
}

/** @type {Contestant} */
export default {
  install: installKit,

  async shop(place, done) {
    const { saga, next, end, send, stay, SagaModule, sagaMigrations } = kitIn(place.dist)('sagas');
    const { placed, steps } = contractsIn(place);
    const State = z.object({
      orderId: z.string(),
      stage: z.enum(['reserve', 'charge', 'ship', 'done']),
    });
    let fulfilment = saga('fulfilment', { state: State, by: 'orderId' }).startsOn(
      placed,
      (/** @type {z.infer<typeof Order>} */ { orderId }) =>
        next({ orderId, stage: 'reserve' }, send(steps[0]?.asked, { orderId })),
    );
    steps.forEach((step, index) => {
      const following = steps[index + 1];
      fulfilment = fulfilment.on(step.done, (/** @type {z.infer<typeof State>} */ order) => {
        const { orderId } = order;
        if (order.stage !== step.name) return stay(order);
        if (following)
          return next({ orderId, stage: following.name }, send(following.asked, { orderId }));
        done(Number(orderId));
        return end({ orderId, stage: 'done' });
      });
    });
    const { messenger } = await started(place, 'shop', {
      imports: [SagaModule.forRoot([fulfilment])],
      migrations: [...sagaMigrations],
    });
    return (n) => messenger.publish(placed, { orderId: String(n) });
  },

  async warehouse(place) {
    const { Handles } = kitIn(place.dist)('messaging');
    const { steps } = contractsIn(place);
    /** @type {any} */
    let messenger;
    const methods = steps.map(({ name, asked, done }) => [
      name,
      {
        bind: Handles(asked),
        /** @param {z.infer<typeof Order>} order @param {any} context */
        async run({ orderId }, { tx }) {
          await tx.query('insert into public.effect (run, n) values ($1, $2)', [name, orderId]);
          await messenger.publish(done, { orderId });
        },
      },
    ]);
    const controllers = [controllerWith(Object.fromEntries(methods))];
    ({ messenger } = await started(place, 'warehouse', { controllers }));
  },
};
