import { type Carrier, KEPT_KINDS } from '../ports/carriers';
import type { HandlerRegistry } from '../handlers/handler-registry';
import { type Routes, urlVariable } from '../sending/routes';
import type { Store } from '../ports/store';
import type { TransportContext } from '../ports/transport';

/** One label for every address of the own database: a database that moved is the same one. */
const OWN_DATABASE = "the service's own database";

/**
 * Warns of messages that have no reader after a change of technology: once for each former
 * technology, and at each start for those that wait in the service's own database. Going back to
 * the former URL reads them.
 */
export async function warnOfMessagesLeftBehind(
  store: Store | undefined,
  routes: Routes,
  registry: HandlerRegistry,
  log: TransportContext['log'],
): Promise<void> {
  if (!store?.carriers) return;
  const carriers = await carriersOf(store, routes, registry);
  for (const { kind, technology, address, since } of await store.carriers.note(carriers)) {
    if (address === OWN_DATABASE) continue; // its waiting messages are counted below
    const now = carriers.find((carrier) => carrier.kind === kind)!;
    log(
      'warn',
      `${kind}s came from ${technology} at ${address} since ${since.toISOString()}, and come from ${now.technology} at ${now.address} now: what still waits there is not read; start once with the former ${urlVariable(kind)} to have it handled`,
    );
  }
  const elsewhere = carriers
    .filter(({ address }) => address !== OWN_DATABASE)
    .map(({ kind }) => kind);
  if (elsewhere.length === 0) return;
  for (const { kind, subscription, messages } of await store.carriers.unread()) {
    if (!elsewhere.includes(kind)) continue;
    log(
      'warn',
      `${messages} ${kind}s for ${subscription} wait unread in ${OWN_DATABASE}, for ${urlVariable(kind)} names another technology; start once without it to have them handled`,
    );
  }
}

/** Carriers of the kinds that are handled here and kept until they are handled. */
async function carriersOf(
  store: Store,
  routes: Routes,
  registry: HandlerRegistry,
): Promise<readonly Carrier[]> {
  const handled = KEPT_KINDS.filter((kind) =>
    registry.subscriptions(kind).some(({ live }) => !live),
  );
  const carriers = handled.map(async (kind): Promise<readonly Carrier[]> => {
    const transport = routes.ofKind(kind);
    if (!transport) return [];
    const isOwn = await transport.local?.sharesDatabaseWith(store);
    return [
      { kind, technology: transport.technology, address: isOwn ? OWN_DATABASE : transport.address },
    ];
  });
  return (await Promise.all(carriers)).flat();
}
