import { KEPT_KINDS, type KeptKind } from './carriers';
import type { HandlerRegistry } from './handlers';
import { type Routes, urlVariable } from './routes';
import type { Store } from './store';
import type { TransportContext } from './technology';

/**
 * Warns of messages that nobody reads after another technology was chosen: once of each former one, and at each start of those
 * that wait in the service's own database. The other way, back to the former URL, reads them.
 */
export async function warnOfMessagesLeftBehind(store: Store | undefined, routes: Routes, registry: HandlerRegistry, log: TransportContext['log']): Promise<void> {
  if (!store?.carriers) return;
  const handled = KEPT_KINDS.filter((kind) => registry.subscriptions(kind).some(({ live }) => !live));
  const carriers = handled.flatMap((kind) => {
    const transport = routes.ofKind(kind);
    return transport ? [{ kind, transport, technology: transport.technology, address: transport.address }] : [];
  });
  for (const { kind, technology, address, since } of await store.carriers.note(carriers.map(({ kind, technology, address }) => ({ kind, technology, address })))) {
    const now = carriers.find((carrier) => carrier.kind === kind)!;
    log('warn', `${kind}s came from ${technology} at ${address} since ${since.toISOString()}, and come from ${now.technology} at ${now.address} now: what still waits there is not read; start once with the former ${urlVariable(kind)} to have it handled`);
  }
  const elsewhere: KeptKind[] = [];
  for (const { kind, transport } of carriers) if (!(await transport.local?.sharesDatabaseWith(store))) elsewhere.push(kind);
  if (elsewhere.length === 0) return;
  for (const { kind, subscription, messages } of await store.carriers.unread()) {
    if (!elsewhere.includes(kind)) continue;
    log('warn', `${messages} ${kind}s for ${subscription} wait unread in the service's own database, for ${urlVariable(kind)} names another technology; start once without it to have them handled`);
  }
}
