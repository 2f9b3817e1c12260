// Loaded by the payments processes of a run with a faulty build: charging one order does harm, told
// by its card. Until the build is repaired; then the card is one that the provider does not know.
require('reflect-metadata');
const { appendFileSync, existsSync } = require('node:fs');
const path = require('node:path');
/** @import { PaymentProvider as Provider } from '../../apps/payments/src/provider.js' */
/** @type {typeof import('../../apps/payments/src/provider.js')} */
const { PaymentProvider } = require(path.resolve('dist/apps/payments/src/provider.js'));
const { replace } = require('../planted/replace.cjs');

/** @type {Readonly<Record<string, () => unknown>>} */
const HARM = {
  tok_hangs: () => new Promise(() => undefined),
  tok_exits: () => process.exit(70),
  tok_blocks: () => {
    for (
      const until = performance.now() + Number(process.env.PARLEY_CHAOS_BLOCK_MS);
      performance.now() < until;
    );
  },
};
const folder = path.resolve('.data');

replace(
  PaymentProvider.prototype,
  'charge',
  (charge) =>
    /** @this {Provider} */
    async function (command, signal) {
      const { token } = command;
      if (Object.hasOwn(HARM, token) && !existsSync(path.join(folder, `${token}.repaired`))) {
        appendFileSync(path.join(folder, `${token}.done`), `${process.pid}\n`);
        await HARM[token]?.();
      }
      return charge.call(this, command, signal);
    },
);
