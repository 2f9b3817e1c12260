import type { Contract } from './contract';

/** By the names of contracts. */
const paths = new Map<string, string>();

/**
 * The path of a call: `/catalog.Catalog/QuotePrice` for `catalog.quote-price`, the same for gRPC
 * and for Connect's HTTP.
 */
export function callPathOf({ name }: Pick<Contract, 'name'>): string {
  let path = paths.get(name);
  if (path === undefined) {
    const [owner = '', verb = ''] = name.split('.');
    path = `/${owner.replaceAll('-', '_')}.${pascal(owner)}/${pascal(verb)}`;
    paths.set(name, path);
  }
  return path;
}

const pascal = (words: string): string =>
  words.replace(/(?:^|-+)([a-z0-9]?)/g, (_, first: string) => first.toUpperCase());
