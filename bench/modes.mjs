// Every mode of the bench.
import { broadcast } from './broadcasts/mode.mjs';
import { call } from './calls/mode.mjs';
import { growth } from './growth/mode.mjs';
import { MESSAGE_MODES } from './messages/modes.mjs';
import { saga } from './sagas/mode.mjs';
import { SHOP_MODES } from './shop/modes.mjs';

const [commandPostgres, ...otherMessages] = MESSAGE_MODES;

/** @type {readonly import('./measure/mode.mjs').Mode[]} */
export const MODES = [
  commandPostgres,
  call,
  saga,
  broadcast,
  ...otherMessages,
  ...SHOP_MODES,
  growth,
].filter((mode) => mode !== undefined);
