// Every mode of the bench.
import { MESSAGE_MODES } from './messages/modes.mjs';

/** @type {readonly import('./measure/mode.mjs').Mode[]} */
export const MODES = [...MESSAGE_MODES];
