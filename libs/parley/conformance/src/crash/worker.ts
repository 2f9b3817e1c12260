import './without-nest';
import { Messaging, type Store } from '@parley/messaging';
import { crashAt, type FailpointHook } from '@parley/messaging/transport';
import { Host } from './host';
import { CONSUMER, SENDER, type CrashPlace, type Life, type OpenPlace } from './place';
import { planted, type Plant } from './plants';
import { Sender, worksOf } from './work';

/** Configuration of a worker, sent once it is warm. */
export interface Orders {
  readonly data: object;
  readonly service: typeof SENDER | typeof CONSUMER;
  readonly instance: string;
  /** Where it ends by itself, as `relay.published:17`. */
  readonly failPoint?: string;
  readonly plant?: Plant;
  /**
   * Reports that it is ready only after its first commit: on a busy machine, an earlier kill would
   * interrupt nothing.
   */
  readonly atWork?: boolean;
  /** A sender that says nothing: it only relays. */
  readonly silent?: boolean;
}

/** A small pool is opened soon. */
const CONCURRENCY = 5;

/**
 * A process of the kit, without Nest: it loads the module it is told, says that it is warm, and
 * begins when it gets its orders.
 */
async function work(openPlace: OpenPlace, orders: Orders): Promise<void> {
  const { service, instance } = orders;
  const passes = passesOf(orders);
  const life: Life = { service, instance, passes, log: complain };
  const opened = await openPlace(orders.data as never, life);
  const place = orders.plant ? planted(opened, orders.plant) : opened;
  const messaging = messagingOf(place, life);
  const host = new Host(service === CONSUMER ? worksOf(place, () => messaging) : []);
  messaging.attach(host.asApplication);
  await messaging.start();
  await messaging.listen(host.asApplication);
  const sender = service === SENDER && !orders.silent ? new Sender(messaging, place) : undefined;
  sender?.start();
  process.once('message', () => void end(messaging, place.store, sender));
  if (!orders.atWork) process.send!('ready');
}

function passesOf({ failPoint, atWork }: Orders): FailpointHook | undefined {
  if (failPoint !== undefined)
    return crashAt(failPoint, () => process.kill(process.pid, 'SIGKILL'));
  return atWork ? crashAt('transaction.committed', () => process.send!('ready')) : undefined;
}

const messagingOf = (
  { urls, technologies, store }: CrashPlace,
  { service, instance, passes, log }: Life,
): Messaging =>
  new Messaging({
    service,
    instance,
    build: 'crash',
    urls,
    technologies,
    store,
    concurrency: CONCURRENCY,
    circuitBreaker: false,
    passes,
    log,
  });

/** An orderly end, for those that are not to die. */
async function end(messaging: Messaging, store: Store, sender?: Sender): Promise<void> {
  await sender?.stop();
  await messaging.stopConsuming();
  await messaging.drained(5_000);
  await messaging.flush(5_000);
  await messaging.close();
  await store.close();
  process.exit(0);
}

const complain: Life['log'] = (level, message) => {
  if (level === 'error' && !/ is dead in /.test(message))
    process.stderr.write(`${process.pid}: ${message}\n`);
};

async function main(): Promise<void> {
  const { openPlace } = (await import(process.argv[2]!)) as { openPlace: OpenPlace };
  process.once('message', (orders: Orders) => void work(openPlace, orders));
  process.on('disconnect', () => process.exit(1)); // the campaign's process has ended
  process.send!('warm');
}

void main();
