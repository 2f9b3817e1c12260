import type { Contract } from '@parley/contract';
import { InvalidMessageError, validate } from './codec';
import { describeError, UnrecoverableError } from './failure';
import type { Envelope } from './message';

/**
 * Said under a version of its contract that this build does not know yet. Its lane waits: once a
 * newer build runs, a replay reads it.
 */
export class NewerVersionError extends UnrecoverableError {
  override readonly name = 'NewerVersionError';
}

/** Said under a version that nobody here can read any more. */
class UnreadableVersionError extends UnrecoverableError {
  override readonly name = 'UnreadableVersionError';
}

type ReceivedVersion = Pick<Envelope, 'contractversion' | 'producerinstance'>;

type Decrypt = (payload: unknown) => unknown;
const same: Decrypt = (payload) => payload;

/**
 * A payload as its contract's schema says it now, whatever version it was said under. Where an
 * older version has no upcast it is taken as it is, if it fits: what was only added does not need
 * one.
 * @param decrypt where its fields are now: an upcast moves encrypted fields, it cannot look into
 * them
 * @throws InvalidMessageError, NewerVersionError, UnreadableVersionError
 */
export function currentPayload<In>(
  contract: Contract<Contract['kind'], In>,
  said: ReceivedVersion,
  payload: unknown,
  decrypt: Decrypt = same,
): In {
  const version = Number(said.contractversion);
  if (version === contract.version)
    return validate(contract.name, contract.payload, decrypt(payload));
  if (version > contract.version)
    throw new NewerVersionError(
      `${sentence(contract, said)}: deploy a newer build here, then replay it`,
    );
  const upcast = contract.upcasts?.[version];
  return upcast
    ? upcasted(contract, said, () => decrypt(upcast(payload as never)))
    : asItIs(contract, said, () => decrypt(payload));
}

function upcasted<In>(
  contract: Contract<Contract['kind'], In>,
  said: ReceivedVersion,
  upcast: () => unknown,
): In {
  try {
    return validate(contract.name, contract.payload, upcast());
  } catch (error) {
    throw new UnreadableVersionError(
      `${sentence(contract, said)}, and its upcast failed: ${describeError(error).message}`,
      { cause: error },
    );
  }
}

function asItIs<In>(
  contract: Contract<Contract['kind'], In>,
  said: ReceivedVersion,
  payload: () => unknown,
): In {
  try {
    return validate(contract.name, contract.payload, payload());
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    throw new UnreadableVersionError(
      `${sentence(contract, said)}, has no upcast and does not fit as it is: ${error.message}`,
      { cause: error },
    );
  }
}

const sentence = (
  { name, version }: Contract,
  { contractversion, producerinstance }: ReceivedVersion,
): string =>
  `${name} was said as version ${contractversion} by ${producerinstance}, but this build knows version ${version}`;
