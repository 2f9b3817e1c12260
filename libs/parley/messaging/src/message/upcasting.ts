import type { Contract } from '@parley/contract';
import { SecretExpiredError } from '../ports/subject-keys';
import { InvalidMessageError, validate } from './codec';
import { describeError, UnrecoverableError } from './failure';
import type { Envelope } from './message';

/**
 * Newer contract version than this build knows: the lane is held. Replay it after deploying a newer
 * build.
 */
export class NewerVersionError extends UnrecoverableError {
  override readonly name = 'NewerVersionError';
}

/** The contract version of the message is older than any this build can read. */
class UnreadableVersionError extends UnrecoverableError {
  override readonly name = 'UnreadableVersionError';
}

type ReceivedVersion = Pick<Envelope, 'contractversion' | 'producerinstance'>;

type Decrypt = (payload: unknown) => unknown;
const same: Decrypt = (payload) => payload;

/**
 * A payload in the contract's current version. A payload of an older version without an upcast is
 * accepted unchanged, if it fits: added optional fields need no upcast.
 * @param decrypt decrypts the fields at their current places: an upcast may move encrypted fields,
 * but cannot read them
 * @throws InvalidMessageError, NewerVersionError, UnreadableVersionError, SecretExpiredError
 */
export function currentPayload<In>(
  contract: Contract<Contract['kind'], In>,
  received: ReceivedVersion,
  payload: unknown,
  decrypt: Decrypt = same,
): In {
  const version = Number(received.contractversion);
  if (version === contract.version)
    return validate(contract.name, contract.payload, decrypt(payload));
  if (version > contract.version)
    throw new NewerVersionError(
      `${sentence(contract, received)}: deploy a newer build here, then replay it`,
    );
  const upcast = contract.upcasts?.[version];
  return upcast
    ? upcasted(contract, received, () => decrypt(upcast(payload as never)))
    : asItIs(contract, received, () => decrypt(payload));
}

function upcasted<In>(
  contract: Contract<Contract['kind'], In>,
  received: ReceivedVersion,
  upcast: () => unknown,
): In {
  try {
    return validate(contract.name, contract.payload, upcast());
  } catch (error) {
    if (error instanceof SecretExpiredError) throw error; // whatever its version
    throw new UnreadableVersionError(
      `${sentence(contract, received)}, and its upcast failed: ${describeError(error).message}`,
      { cause: error },
    );
  }
}

function asItIs<In>(
  contract: Contract<Contract['kind'], In>,
  received: ReceivedVersion,
  payload: () => unknown,
): In {
  try {
    return validate(contract.name, contract.payload, payload());
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    throw new UnreadableVersionError(
      `${sentence(contract, received)}, has no upcast and does not fit as it is: ${error.message}`,
      { cause: error },
    );
  }
}

const sentence = (
  { name, version }: Contract,
  { contractversion, producerinstance }: ReceivedVersion,
): string =>
  `${name} was sent as version ${contractversion} by ${producerinstance}, but this build knows version ${version}`;
