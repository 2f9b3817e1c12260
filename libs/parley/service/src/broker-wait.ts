import { connect } from 'node:net';
import { withoutSecretsInText } from '@parley/observability';
import { sleep } from '@parley/resilience';

/**
 * The longest wait of a start for brokers that are not up yet. With the time in which a technology
 * then reports its failure, a start fails in less than 15 s.
 */
const PATIENCE_MS = 8_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
const CONNECTED_WITHIN_MS = 1_000;
/** A listener that closes the connection sooner is still booting, or is another program. */
const STAYS_OPEN_MS = 150;

/**
 * Default ports by scheme, for URLs without a port. Other schemes (AWS, technologies of one's own)
 * are awaited only where the URL has a port.
 */
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  amqp: 5672,
  amqps: 5671,
  kafka: 9092,
  kafkas: 9092,
  activemq: 5672,
  activemqs: 5671,
  mqtt: 1883,
  mqtts: 8883,
  redis: 6379,
  rediss: 6379,
  postgres: 5432,
  postgresql: 5432,
};

interface Place {
  readonly host: string;
  readonly port: number;
}

/** The hosts and ports of a URL: `kafka://user:secret@a:9092,[::1]:9093/x` has two. */
export function placesOf(url: string): readonly Place[] {
  const [, scheme = '', authority = ''] =
    /^([a-z][a-z0-9+.-]*):\/\/(?:[^@/]*@)?([^/?#]*)/i.exec(url) ?? [];
  const usual = DEFAULT_PORTS[scheme.toLowerCase()];
  return authority.split(',').flatMap((place) => {
    const [, ipv6, name, own] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(place) ?? [];
    const [host, port] = [ipv6 ?? name, own ?? usual];
    return host === undefined || port === undefined ? [] : [{ host, port: Number(port) }];
  });
}

export interface WaitOptions {
  readonly log: (level: 'warn', message: string) => void;
  /** Milliseconds. */
  readonly patience?: number;
}

/**
 * Resolves when each URL has a listener that keeps the connection open, or after PATIENCE_MS: then
 * the technology reports the fault. Services and brokers may therefore be started together.
 */
export async function brokersUp(
  urls: readonly (string | undefined)[],
  options: WaitOptions,
): Promise<void> {
  await Promise.all([...new Set(urls)].map((url) => url !== undefined && brokerUp(url, options)));
}

async function brokerUp(url: string, { log, patience = PATIENCE_MS }: WaitOptions): Promise<void> {
  const places = placesOf(url);
  const until = performance.now() + patience;
  for (
    let pause = FIRST_PAUSE_MS;
    places.length > 0;
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
  ) {
    const reasons = await Promise.all(places.map(whyNot));
    if (reasons.includes(undefined) || performance.now() + pause > until) return;
    if (pause === FIRST_PAUSE_MS)
      log('warn', `waiting for what listens at ${withoutSecretsInText(url)}: ${reasons[0]}`);
    await sleep(pause);
  }
}

/** The reason why no connection is possible; undefined if there is a listener. */
function whyNot({ host, port }: Place): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (reason?: string) => {
      clearTimeout(timer);
      socket.removeAllListeners('close').destroy();
      resolve(reason);
    };
    let timer = setTimeout(() => end('no answer'), CONNECTED_WITHIN_MS);
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once('close', () => end('it hangs up'));
    socket.once('connect', () => {
      clearTimeout(timer);
      timer = setTimeout(end, STAYS_OPEN_MS);
    });
    socket.resume();
  });
}
