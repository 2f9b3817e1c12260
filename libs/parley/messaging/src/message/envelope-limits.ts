import type { Contract } from '@parley/contract';
import { InvalidMessageError } from './codec';
import type { Envelope } from './message';
import { UNSTORABLE } from './storable';

/*
 * Limits of an envelope. Senders and receivers have the same limits, and every technology carries
 * an envelope within them: see the table in docs/technologies.md.
 */

/** Characters of the longest attribute. */
export const MAX_ATTRIBUTE_CHARACTERS = 1_024;
/**
 * Bytes of all attributes together, as JSON writes their values. Leaves room in the smallest
 * headroom, that of SQS.
 */
export const MAX_ENVELOPE_BYTES = 8_192;
/**
 * Characters of the names of an instance and a build, and of a service: it owns contracts, and
 * names channels.
 */
const MAX_NAME_CHARACTERS = { service: 40, instance: 200, build: 200 } as const;
/**
 * Characters of a text by which something is looked up in a database: an index row of PostgreSQL
 * takes 2,704 bytes.
 */
export const MAX_INDEXED_CHARACTERS = 800;
/** Bytes of the envelope at most, without the attributes that senders choose. */
const FIXED_BYTES = 2_048;
/** Bytes that JSON makes of one character at most: an escaped control character. */
const BYTES_PER_CHARACTER = 6;

/** Attributes that a sender chooses, and that are not checked at start. */
const CHOSEN = ['partitionkey', 'correlationid', 'causationid'] as const;

/**
 * @throws InvalidMessageError naming a field or attribute that readers would refuse or get changed
 */
export function refuseBeyondLimits(contract: Contract, envelope: Envelope): void {
  let characters = 0;
  for (const attribute of CHOSEN) {
    const value = envelope[attribute];
    if (value === undefined) continue;
    characters += value.length;
    if (value.length > MAX_ATTRIBUTE_CHARACTERS)
      throw refusal(contract, attribute, `is longer than ${MAX_ATTRIBUTE_CHARACTERS} characters`);
    if (UNSTORABLE.test(value))
      throw refusal(contract, attribute, 'holds NUL or half of a surrogate pair');
  }
  if (characters * BYTES_PER_CHARACTER + FIXED_BYTES <= MAX_ENVELOPE_BYTES) return;
  const bytes = Buffer.byteLength(JSON.stringify(envelope));
  if (bytes > MAX_ENVELOPE_BYTES)
    throw new InvalidMessageError(contract.name, [
      {
        path: 'envelope',
        message: `takes ${bytes} bytes, more than ${MAX_ENVELOPE_BYTES}; shorten its key`,
      },
    ]);
}

function refusal(
  contract: Contract,
  attribute: (typeof CHOSEN)[number],
  message: string,
): InvalidMessageError {
  const isKey = attribute === 'partitionkey' && contract.key !== undefined;
  return new InvalidMessageError(contract.name, [
    {
      path: isKey ? contract.key : attribute,
      message: isKey ? `names a lane, and ${message}` : message,
    },
  ]);
}

interface Producer {
  readonly service: string;
  readonly instance: string;
  readonly build: string;
}

/** @throws RangeError at start: no reader would accept a message with such a name */
export function refuseLongNames({ service, instance, build }: Producer): void {
  for (const [what, name, most] of [
    ['service', service, MAX_NAME_CHARACTERS.service],
    ['instance', instance, MAX_NAME_CHARACTERS.instance],
    ['build', build, MAX_NAME_CHARACTERS.build],
  ] as const) {
    if (name.length > most)
      throw new RangeError(
        `the name of the ${what} has ${name.length} characters: "${name.slice(0, 50)}…"; use at most ${most}`,
      );
  }
}
