import { contractsLoaded, type Contract } from '@parley/contract';
import { infoOf, type RouteInfo } from './explain';
import type { HandlerRegistry } from '../handlers/handler-registry';
import type { Routes } from '../sending/routes';
import type { Finding, Resource } from '../ports/diagnostics';

/**
 * Everything that must exist at one technology for the messages that a service sends and handles.
 */
export interface TopologyReport extends RouteInfo {
  readonly resources: readonly Resource[];
}

/** The durability of the messages that one technology confirmed: would they survive its crash? */
export interface DurabilityReport extends RouteInfo {
  readonly findings: readonly Finding[];
}

export function topologyReports(
  service: string,
  routes: Routes,
  registry: HandlerRegistry,
): readonly TopologyReport[] {
  return routes.all().map((transport) => {
    const carried = (contract: Contract) => routes.of(contract) === transport;
    const sent = contractsLoaded().filter(
      (contract) => maySay(service, contract) && carried(contract),
    );
    const handled = registry
      .subscriptions()
      .filter(({ handlers }) => [...handlers.values()].some(({ contract }) => carried(contract)));
    return { ...infoOf(transport), resources: transport.topology?.(sent, handled) ?? [] };
  });
}

/** Asks every technology. A technology that does not answer is a finding, not an error. */
export function durabilityReports(routes: Routes): Promise<readonly DurabilityReport[]> {
  return Promise.all(
    routes.all().map(async (transport) => {
      const findings = await Promise.resolve(transport.checkDurability?.()).catch(
        (error: Error) => [unanswered(error)],
      );
      return { ...infoOf(transport), findings: findings ?? [] };
    }),
  );
}

/** Every service may send commands; only the owner publishes broadcasts and events. */
const maySay = (service: string, { kind, owner }: Contract): boolean =>
  kind === 'command' || (kind !== 'call' && owner === service);

const unanswered = (error: Error): Finding => ({
  what: 'its settings',
  verdict: 'unknown',
  says: `it does not tell them: ${error.message}`,
});
