import {
  type AsyncApi,
  type AsyncApiChannel,
  asyncApiOf,
  contractsLoaded,
  type Contract,
  schemaOf,
} from '@parley/contract';
import type { MessagingIntrospection } from '@parley/messaging';

/** Whatever tells the routes and the handlers of a service. */
type Introspection = Pick<MessagingIntrospection, 'explain' | 'handlerInfo'>;

/**
 * The commands, events and broadcasts of a service as AsyncAPI: on the technologies that carry them
 * here, with the places they pass and the retries of their handlers.
 */
export function asyncDocument(service: string, introspection: Introspection): AsyncApi {
  const own = contractsLoaded().filter(({ owner, kind }) => owner === service && kind !== 'call');
  const routes = own.flatMap((contract) => introspection.explain(contract) ?? []);
  const servers = routes.map(({ technology, address }) => [
    technology,
    { host: hostOf(address), protocol: technology },
  ]);
  return asyncApiOf(service, own.map(schemaOf), {
    servers: Object.fromEntries(servers),
    channels: own.map((contract) => channelOf(contract, introspection)),
  });
}

function channelOf(contract: Contract, introspection: Introspection): AsyncApiChannel {
  const { name } = contract;
  const route = introspection.explain(contract);
  const retry = introspection.handlerInfo().find((handler) => handler.contract === name)?.retry;
  return {
    id: name,
    contracts: [name],
    ...(route && {
      server: route.technology,
      description: route.hops.map(({ what, name: of, why }) => `${what} ${of}: ${why}`).join('\n'),
    }),
    ...(retry && { operation: { 'x-retries': retry } }),
  };
}

const hostOf = (address: string): string =>
  /^[\w+-]+:\/\/([^/?#]+)/.exec(address)?.[1] ?? (address || 'localhost');
