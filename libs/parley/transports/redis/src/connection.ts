import { type TransportContext, untilUp, withTimeout } from '@parley/messaging/transport';
import { Redis } from 'ioredis';
import { type Address, notYet, WITHOUT_PASSWORD } from './address';

export const CONNECTED_WITHIN_MS = 10_000;
const CLOSED_WITHIN_MS = 1_000;
const RETRY_AFTER_MS = 1_000;

/**
 * Nest's options for ioredis. Reconnects for ever: without further attempts, one lost connection
 * would be final.
 */
export const connectionOptions = (address: Address) => ({
  ...address.options,
  retryAttempts: Number.MAX_SAFE_INTEGER,
  retryDelay: RETRY_AFTER_MS,
  connectTimeout: CONNECTED_WITHIN_MS,
  // An idle connection that the network lost is found by the operating system; one that owes an
  // answer, by this bound. Without it, all that is published would wait for that one.
  keepAlive: 5_000,
  socketTimeout: CONNECTED_WITHIN_MS,
  // A broadcast is news: said when the connection is back it would be late, and said twice it would
  // be wrong.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  disableClientInfo: true,
});

/**
 * Opens a client at start, once Redis is ready. ioredis waits for one that loads its data as well,
 * but does not tell.
 */
export const openedWhenUp = (
  address: Address,
  { log }: Pick<TransportContext, 'log'>,
  isGivenUp: () => boolean,
  open: () => Promise<void>,
): Promise<void> =>
  untilUp({
    broker: `Redis at ${address}`,
    attempt: async () => {
      await refuseNotYet(address);
      await open();
    },
    notYet,
    log,
    isGivenUp,
  });

/**
 * Asks on a connection of its own. Any other fault is for the client itself to meet.
 * @throws Redis's answer when it is not ready, or an error when there is none in time
 */
async function refuseNotYet(address: Address): Promise<void> {
  const client = new Redis({
    ...connectionOptions(address),
    enableReadyCheck: false,
    lazyConnect: true,
    retryStrategy: () => null,
  });
  let cause: unknown;
  client.on('error', (error) => (cause = error));
  const silence = new Error(`no answer within ${CONNECTED_WITHIN_MS / 1_000} s`);
  const asked = async () => {
    await client.connect();
    await client.ping();
  };
  try {
    await withTimeout(CONNECTED_WITHIN_MS, asked(), () => silence);
  } catch (error) {
    const told = [error, cause].find((one) => one === silence || notYet(one) !== undefined);
    if (told !== undefined) throw told;
  } finally {
    client.disconnect();
  }
}

/** Resolves when the client is connected; rejects when it is not within the bound. */
export async function connected(client: Redis | null, late: () => Error): Promise<void> {
  if (!client) throw late();
  if (client.status === 'ready') return;
  let ready!: () => void;
  const becomesReady = new Promise<void>((resolve) => client.once('ready', (ready = resolve)));
  await withTimeout(CONNECTED_WITHIN_MS, becomesReady, late).finally(() =>
    client.off('ready', ready),
  );
}

/**
 * A Redis without a password accepts any that comes with `HELLO`, but refuses `AUTH`. The password
 * in the URL would protect nothing, and its author would not know.
 * @throws the error of Redis
 */
export async function refuseNeedlessPassword(
  client: Redis,
  { options: { username = 'default', password } }: Address,
): Promise<void> {
  if (password === undefined || username !== 'default') return;
  await client.auth(password).catch((error: Error) => {
    if (WITHOUT_PASSWORD.test(error.message)) throw error;
  });
}

/** Says good-bye, or hangs up when that is not answered. */
export async function hangUp(client: Redis | null | undefined): Promise<void> {
  if (!client || client.status === 'end') return;
  // A client that is not connected rejects at once; one with a silent peer never resolves.
  await withTimeout(CLOSED_WITHIN_MS, client.quit(), () => new Error('no answer')).catch(
    () => undefined,
  );
  client.disconnect();
}
