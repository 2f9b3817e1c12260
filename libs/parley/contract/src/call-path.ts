import type { Contract } from './contract';
import { protoNamesOf } from './protobuf/names';

/** By the names of contracts. */
const paths = new Map<string, string>();

/**
 * The path of a call: `/catalog.Catalog/QuotePrice` for `catalog.quote-price`, the same for gRPC
 * and for Connect's HTTP.
 */
export function callPathOf({ name }: Pick<Contract, 'name'>): string {
  let path = paths.get(name);
  if (path === undefined) {
    const names = protoNamesOf(name);
    path = `/${names.package}.${names.service}/${names.method}`;
    paths.set(name, path);
  }
  return path;
}
