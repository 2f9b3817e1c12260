/** A contract that cannot work, found while it is defined. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
}
