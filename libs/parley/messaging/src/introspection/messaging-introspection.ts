import type { Call, Contract, Kind } from '@parley/contract';
import type { Paused } from '../delivery/circuit-breakers';
import type { Overdue } from '../delivery/handler-runs';
import type { MessagingParts } from '../composition';
import type { SubscriptionRegistry } from '../handlers/handler-registry';
import type { MessagingOptions } from '../messaging-options';
import type { CallServer, InstanceState } from '../ports/call-transport';
import type { Hop } from '../ports/diagnostics';
import type { Backlog, ConsumerHealth } from '../ports/health';
import type { LaneRunner } from '../ports/store';
import type { Consumer } from '../ports/transport';
import { STORED_KINDS } from '../sending/routes';
import {
  handlerInfo,
  infoOf,
  sayingHop,
  withoutCredentials,
  type HandlerInfo,
  type RouteExplanation,
  type RouteInfo,
} from './explain';
import { addUp, withKept } from './backlog';
import { policyHops, type CallState } from './call-policies';
import { withOverdue, withPause } from './consumer-health';
import {
  durabilityReports,
  topologyReports,
  type DurabilityReport,
  type TopologyReport,
} from './topology-report';

export interface MessagingHealth {
  readonly intakes: readonly ConsumerHealth[];
  /** Subscriptions that wait because most of their handlings failed. */
  readonly paused?: readonly Paused[];
  /**
   * Handlers over their timeout and still running, also those that were ended; the oldest first.
   */
  readonly overdue?: readonly Overdue[];
  readonly outbox?: {
    readonly waiting: number;
    /** Milliseconds. */
    readonly oldestAge: number;
    /** The reasons why messages wait, where this instance relays. */
    readonly reasons?: readonly string[];
  };
}

/** The consumers that were bound to Nest when the service was attached to its application. */
export interface BoundConsumers {
  readonly consumers: readonly {
    readonly kind: Kind;
    readonly handlers: SubscriptionRegistry;
    readonly consumer: Consumer;
  }[];
  readonly callServer?: CallServer;
  readonly lanes?: LaneRunner;
}

/** The state of a process's messaging: health, backlog, routes, handlers, topology. */
export class MessagingIntrospection {
  constructor(
    private readonly options: MessagingOptions,
    private readonly parts: MessagingParts,
    private readonly bound: () => BoundConsumers,
  ) {}

  /** Asks the store. */
  async health(): Promise<MessagingHealth> {
    return { ...this.consumerHealth(), outbox: await this.outboxHealth() };
  }

  /** The health of consumers and the call server right now. No I/O. */
  consumerHealth(): Pick<MessagingHealth, 'intakes' | 'paused' | 'overdue'> {
    const { consumers, callServer } = this.bound();
    const paused = this.parts.circuitBreakers.paused();
    const overdue = this.parts.runs.overdue();
    const used = consumers
      .filter(({ kind, handlers }) => handlers.subscriptions(kind).length > 0)
      .map(({ consumer }) => withPause(consumer.health(), paused));
    const calls =
      callServer && this.parts.registry.allCalls().length > 0 ? [callServer.health()] : [];
    const intakes = [...calls, ...used].map((health) => withOverdue(health, overdue));
    return { intakes, paused, overdue };
  }

  /** Messages that wait to be relayed; undefined without a store. Asks the store. */
  async outboxHealth(): Promise<MessagingHealth['outbox']> {
    const outbox = await this.options.store?.outbox.state();
    return outbox && { ...outbox, reasons: this.parts.relay!.reasons() };
  }

  /** Waiting messages by subscription: at the technologies, in the store, in the outbox. */
  async backlog(): Promise<readonly Backlog[]> {
    const { consumers, lanes } = this.bound();
    const [incoming, kept, unsent] = await Promise.all([
      Promise.all(consumers.map(({ consumer }) => consumer.backlog?.() ?? [])),
      lanes?.backlog() ?? [],
      this.parts.relay?.backlog() ?? [],
    ]);
    const inStore = new Map(kept.map((backlog) => [backlog.subscription, backlog]));
    return [
      ...addUp(incoming.flat()).map((backlog) =>
        withKept(backlog, inStore.get(backlog.subscription)),
      ),
      ...unsent,
    ];
  }

  /** The circuits, bulkheads and limits of calls right now. No I/O. */
  callState(): CallState {
    return {
      targets: this.parts.callTargets.states(),
      limits: this.parts.admission?.states() ?? [],
    };
  }

  /** How this service carries each kind. */
  routeInfo(): Readonly<Partial<Record<Kind, RouteInfo>>> {
    const calls = this.parts.calls && {
      technology: this.parts.calls.technology,
      address: withoutCredentials(this.options.urls.calls!('{owner}')),
    };
    const stored = STORED_KINDS.flatMap((kind) => {
      const transport = this.parts.routes.ofKind(kind);
      return transport ? [[kind, infoOf(transport)] as const] : [];
    });
    return { ...(calls && { call: calls }), ...Object.fromEntries(stored) };
  }

  /** The instances that this service calls, as it sees them now. */
  callInstances(): readonly InstanceState[] {
    return this.parts.calls?.instances?.() ?? [];
  }

  /** Everything that this service handles, and how. */
  handlerInfo(): readonly HandlerInfo[] {
    const handled = this.parts.registry
      .subscriptions()
      .flatMap((subscription) =>
        [...subscription.handlers.values()]
          .filter(({ missing }) => !missing)
          .map((handler) => handlerInfo(handler, subscription)),
      );
    const calls = this.parts.registry.allCalls().map((handler) => {
      const callers = this.parts.callers?.allowedFor(handler.contract.name);
      return { ...handlerInfo(handler), ...(callers && { callers }) };
    });
    return [...calls, ...handled];
  }

  /**
   * The route of a contract that this service sends; undefined when nothing here carries its kind.
   */
  explain(contract: Contract): RouteExplanation | undefined {
    const { kind } = contract;
    if (kind === 'call')
      return this.parts.calls && this.explainCall(this.parts.calls.technology, contract as Call);
    const transport = this.parts.routes.of(contract);
    if (!transport) return undefined;
    const how = {
      local: this.parts.publisher.joins(transport),
      stored: this.options.store !== undefined,
    };
    return {
      ...infoOf(transport),
      largest: transport.maxBodyBytes,
      hops: [sayingHop(kind, transport.technology, how), ...(transport.describe?.(contract) ?? [])],
    };
  }

  /**
   * Everything that must exist at the technologies for the messages that this service sends and
   * handles.
   */
  topology(): readonly TopologyReport[] {
    return topologyReports(this.options.service, this.parts.routes, this.parts.registry);
  }

  /** Asks each technology about the settings on which its confirmed messages depend in a crash. */
  checkDurability(): Promise<readonly DurabilityReport[]> {
    return durabilityReports(this.parts.routes);
  }

  private explainCall(technology: string, contract: Call): RouteExplanation {
    const { owner } = contract;
    const address = withoutCredentials(this.options.urls.calls!(owner));
    const hop = {
      what: 'instances',
      name: address,
      why: `balanced over the instances of ${owner} that are up`,
    };
    const instances = this.callInstances()
      .filter((instance) => instance.owner === owner)
      .map(({ address: name, state, inFlight, ejections }) => ({
        what: `instance ${state}`,
        name,
        why: `${inFlight} requests in flight${ejections > 0 ? `, ejected ${ejections} times because it failed much more often than the others` : ''}`,
      }));
    return {
      technology,
      address,
      hops: [
        sayingHop('call', technology, { local: false, stored: false }),
        ...this.policiesOf(contract),
        hop,
        ...instances,
      ],
    };
  }

  private policiesOf(contract: Call): readonly Hop[] {
    const { callTargets } = this.parts;
    if (!callTargets.isOn) return [];
    const state = callTargets.states().find((target) => target.contract === contract.name);
    return policyHops(contract, state);
  }
}
