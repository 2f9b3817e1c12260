// The record of a run that is judged, as types: the customers' history, the faults, and what was
// found when all was over. Lines of history and faults have the fields of their sort.

/** @import { Books, Line } from '../tools/shop/accounting.mjs' */

/**
 * A line of the customers' history.
 * @typedef {object} HistoryEntry
 * @property {'prices' | 'invoke' | 'ok' | 'fail' | 'unknown' | 'hostile' | 'follow' | 'seen' | 'followed'} type
 * @property {number} at milliseconds since 1970
 * @property {string} [key] the idempotency key of an attempt
 * @property {number} [attempt]
 * @property {Line[]} [lines] of a first attempt, as the next two
 * @property {string} [token]
 * @property {string} [email]
 * @property {string} [orderId]
 * @property {string} [why]
 * @property {Record<string, number>} [prices] by SKU, in cents
 * @property {string} [sort] of a hostile request
 * @property {number | string} [status] of the answer to a hostile request, or of an order seen
 * @property {number} [number] of a stage that was seen, as the next two
 * @property {string} [what]
 * @property {string} [stage]
 */

/**
 * A process that ends itself at a step.
 * @typedef {object} Gap
 * @property {string} point
 * @property {readonly string[]} victims
 * @property {number} pass
 * @property {number} [pid]
 * @property {boolean} [bit]
 */

/**
 * A fault of the schedule; seconds are counted from the beginning of the load.
 * @typedef {object} Planned
 * @property {number} at
 * @property {number} [until]
 * @property {string} fault
 * @property {string} [victim]
 * @property {readonly string[]} [victims]
 * @property {readonly number[]} [hours]
 * @property {readonly Gap[]} [gaps]
 * @property {string} [queue]
 * @property {number} [sort]
 */

/**
 * A dead letter of the order whose handler does harm.
 * @typedef {object} Death
 * @property {string} queue
 * @property {string} id
 * @property {string | null} error
 * @property {string | null} cause
 * @property {number} deliveries
 * @property {string} orderId
 */

/** @typedef {{ off: number, seen?: number, worked: number }} Phase */

/**
 * The evidence of a fault.
 * @typedef {object} Done
 * @property {boolean} bit whether it had an effect
 * @property {string} [why] it had none
 * @property {string} [error]
 * @property {string} [victim]
 * @property {string} [id] of a message that was injected, as the next one
 * @property {boolean} [sent]
 * @property {readonly Gap[]} [gaps]
 * @property {number} [refused] late writes
 * @property {readonly Phase[]} [phases] of a clock
 * @property {number} [from] milliseconds since 1970, as the next one
 * @property {number} [to]
 * @property {string} [poison] the order whose handler does harm
 * @property {readonly Death[]} [deaths]
 * @property {boolean} [replayed]
 */

/**
 * Waits until something is true: asks every `every` ms for at most `milliseconds`; false when that
 * was not enough.
 * @callback Until
 * @param {number} milliseconds
 * @param {() => boolean | Promise<boolean>} isSo
 * @param {number} every
 * @returns {Promise<boolean>}
 */

/** @typedef {Omit<Planned, 'victim'> & Done & { planned?: number }} Fault */

/**
 * An event in the order in which its readers see it.
 * @typedef {object} LoggedEvent
 * @property {string} contract
 * @property {string} key
 * @property {EventBody} body
 */

/**
 * The fields of events that rules read.
 * @typedef {object} EventBody
 * @property {number} [amount]
 * @property {number} [total]
 * @property {Line[]} [lines]
 * @property {string} [trackingNumber]
 * @property {string} [place]
 * @property {string} [reason]
 * @property {string} [sku]
 */

/** @typedef {{ queue: string, message_id: string, contract: string, error: string, cause: string }} DeadRow */

/**
 * The findings when all was over.
 * @typedef {Books & {
 *   events: LoggedEvent[],
 *   dead: DeadRow[],
 *   left: Record<string, number>,
 *   redeliveries: number,
 * }} Sinks
 */

/**
 * The wait for rest, in seconds after healing.
 * @typedef {object} Rest
 * @property {boolean} atRest
 * @property {number} after
 * @property {number} stoodStill the longest time without progress
 * @property {Record<string, number | string>} waiting
 */

/**
 * The record of a run.
 * @typedef {object} Evidence
 * @property {readonly HistoryEntry[]} history
 * @property {readonly Fault[]} faults
 * @property {Sinks} sinks
 * @property {Rest} rest
 * @property {{ faults: readonly string[], within: number }} options
 */

/**
 * Takes a sentence that says what was found.
 * @typedef {(sentence: string) => void} Wrong
 */

/**
 * A rule: says what is wrong, and returns what it counted.
 * @typedef {(record: Evidence, wrong: Wrong) => string | void} Rule
 */

/**
 * The judgement by one invariant: a sentence in `wrong` for each finding.
 * @typedef {{ id: string, what: string, ok: boolean, detail: string | void, wrong: string[] }} Finding
 */

export {};
