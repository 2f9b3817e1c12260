import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { ChargePayment } from '@contracts/payments';
import type { Order } from '@contracts/orders';
import type { Contract } from '@parley/contract';
import { createClient } from 'graphql-ws';
import { Client } from 'pg';
import { WebSocket } from 'ws';
import { ProviderWindow } from './provider-window.fixture';
import { ASKED, SCARCE, type Service, type Stage, type Wish } from './stage';

const ROOT = resolve(__dirname, '../../..');
/**
 * Milliseconds until an awaited condition must hold: services may be reconnecting, and a retry
 * waits up to a minute.
 */
const PATIENCE = 150_000;
const LOOK_EVERY = 100;
const FINAL = ['delivered', 'rejected'];
/** An order of whoever waits for it. */
const ORDER = {
  customer: {
    name: 'Ada',
    email: 'ada@example.org',
    address: { line1: 'Gasse 1', city: 'Ulm', postcode: '89073', country: 'DE' },
  },
  lines: [{ sku: 'TEA-0001', quantity: 2 }],
  payment: { token: 'tok_ok' },
};
const TO_BE_ASKED = new Set<string>(ASKED.map(({ name }) => name));

interface Process {
  readonly service: string;
  readonly url: string;
  readonly pid: number;
  readonly ready: boolean;
}

/** The file that `npm start` writes. */
interface Run {
  readonly gatewayUrl: string;
  readonly providerUrl: string;
  readonly databaseUrl: string;
  readonly operationsToken: string;
  readonly instances: Readonly<Record<string, Process>>;
}

/**
 * The shop that runs here, seen and touched from outside: over HTTP, by signals to its processes,
 * and in its database where no door leads.
 */
export class RunningShop implements Stage {
  private readonly conversations = new Map<string, string>();
  private readonly frozen = new Set<number>();

  private constructor(
    private readonly runFile: string,
    private readonly database: Client,
  ) {}

  static async open(runFile: string): Promise<RunningShop> {
    const database = new Client({ connectionString: readRun(runFile).databaseUrl });
    await database.connect();
    // As after a day of selling: nothing that had been there is lost, it was shipped to others.
    await database.query(
      'update inventory.stock set initial = initial - available + 1, available = 1 where sku = $1',
      [SCARCE],
    );
    return new RunningShop(runFile, database);
  }

  async close(): Promise<void> {
    for (const pid of this.frozen) process.kill(pid, 'SIGCONT');
    await this.provider.setDown(false);
    await this.database.end();
  }

  async place({
    token = 'tok_ok',
    lines = [{ sku: 'TEA-0001', quantity: 2 }],
    country = 'DE',
  }: Wish = {}): Promise<string> {
    const address = { line1: 'Gasse 1', city: 'Ulm', postcode: '89073', country };
    const body = JSON.stringify({
      customer: { name: 'Ada', email: 'ada@example.org', address },
      lines,
      payment: { token },
    });
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const response = await fetch(`${this.run.gatewayUrl}/orders`, {
      method: 'POST',
      headers,
      body,
    });
    if (response.status !== 202)
      throw new Error(`the gateway answered ${response.status}: ${await response.text()}`);
    const { orderId } = (await response.json()) as { orderId: string };
    this.conversations.set(orderId, response.headers.get('x-correlation-id')!);
    return orderId;
  }

  /** The same by GraphQL. */
  async placeByGraphql(): Promise<string> {
    const query = `mutation ($key: String!, $order: NewOrderInput!) {
      placeOrder(idempotencyKey: $key, order: $order) { orderId }
    }`;
    const response = await fetch(`${this.run.gatewayUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables: { key: randomUUID(), order: ORDER } }),
    });
    const answer = (await response.json()) as { data?: { placeOrder?: { orderId: string } } };
    const orderId = answer.data?.placeOrder?.orderId;
    if (orderId === undefined) throw new Error(`GraphQL answered ${JSON.stringify(answer)}`);
    this.conversations.set(orderId, response.headers.get('x-correlation-id')!);
    return orderId;
  }

  /** The status of an order whose client waits for so many seconds. */
  async statusWithin(seconds: string): Promise<number> {
    const response = await fetch(`${this.run.gatewayUrl}/orders`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        'request-timeout': seconds,
      },
      body: JSON.stringify(ORDER),
    });
    await response.body?.cancel();
    return response.status;
  }

  /** Holds a table while `work` runs: statements that read it wait. */
  async held(table: string, work: () => Promise<unknown>): Promise<void> {
    await this.database.query(`begin; lock table ${table} in access exclusive mode`);
    try {
      await work();
    } finally {
      await this.database.query('rollback');
    }
  }

  /** The calls of a contract that ended so at its owner, by its metric. */
  async ended(service: Service, contract: Contract, outcome: string): Promise<number> {
    const { url } = this.processOf(service);
    const labels = ['side="owner"', `contract="${contract.name}"`, `outcome="${outcome}"`];
    const text = await (await fetch(`${url}/metrics`)).text();
    const line = text
      .split('\n')
      .find(
        (one) =>
          one.startsWith('parley_calls_total{') && labels.every((label) => one.includes(label)),
      );
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  /** The statuses that a subscription tells until the order is at its end. */
  async followed(orderId: string): Promise<readonly unknown[]> {
    const client = createClient({
      url: `${this.run.gatewayUrl.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
    });
    const query = 'subscription ($id: ID!) { orderProgress(id: $id) { number status } }';
    const seen: unknown[] = [];
    for await (const { data } of client.iterate<{ orderProgress: { status: unknown } }>({
      query,
      variables: { id: orderId },
    }))
      seen.push(data?.orderProgress.status);
    await client.dispose();
    return seen;
  }

  /** A service that starts again may be missed for a moment. */
  order(orderId: string, entries = 1): Promise<Order> {
    return this.until(`order ${orderId} to be shown with ${entries} entries`, async () => {
      const order = await json<Order>(`${this.run.gatewayUrl}/orders/${orderId}`);
      // Streams of several owners are not in step.
      const history = [...order.history].sort((a, b) => a.at.localeCompare(b.at));
      return history.length >= entries && { ...order, history };
    });
  }

  async finish(): Promise<void> {
    for (const orderId of this.conversations.keys()) {
      await this.until(`order ${orderId} to end`, async () =>
        FINAL.includes((await this.order(orderId)).status),
      );
    }
  }

  providerDown(down: boolean): Promise<void> {
    return this.provider.setDown(down);
  }

  async triedInVain(orderId: string): Promise<void> {
    const { url } = this.processOf('payments');
    await this.until('payments to try in vain', async () => {
      const turns = await json<readonly { contract: string; outcome: string }[]>(
        `${url}/operations/conversations/${this.conversations.get(orderId)}`,
        { authorization: `Bearer ${this.run.operationsToken}` },
      );
      return turns.some(
        ({ contract, outcome }) => contract === ChargePayment.name && outcome !== 'done',
      );
    });
  }

  captured(orderIds: readonly string[]): Promise<number> {
    return this.provider.captured(orderIds);
  }

  /** Frozen: it keeps its connections, as one that hangs. */
  async away(service: Service): Promise<void> {
    const { pid } = this.processOf(service);
    process.kill(pid, 'SIGSTOP');
    this.frozen.add(pid);
  }

  async back(service: Service): Promise<void> {
    const { pid } = this.processOf(service);
    process.kill(pid, 'SIGCONT');
    this.frozen.delete(pid);
  }

  async restart(service: Service): Promise<void> {
    const { pid } = this.processOf(service);
    process.kill(pid, 'SIGKILL');
    await this.until(`${service} to be back`, () => {
      const process = this.processOf(service);
      return process.pid !== pid && process.ready;
    });
  }

  /** `npm run parley -- scale catalog=2`, and the like. */
  async parley(...words: readonly string[]): Promise<void> {
    await promisify(execFile)(process.execPath, ['tools/parley.mjs', ...words], { cwd: ROOT });
  }

  /** Pids of the ready instances of a service. */
  pidsOf(service: Service): readonly number[] {
    return Object.values(this.run.instances)
      .filter((instance) => instance.service === service && instance.ready)
      .map(({ pid }) => pid);
  }

  /** As if it were later than it is, for this order alone. */
  async patienceEnds(orderId: string): Promise<void> {
    const { rowCount } = await this.database.query(
      'update orders.saga_timeout set due = clock_timestamp() where key = $1',
      [orderId],
    );
    if (rowCount !== 1) throw new Error(`${rowCount} timeouts run for order ${orderId}`);
  }

  askedUpTo(orderId: string, last: Contract): Promise<readonly string[]> {
    return this.until(`${last.name} to be asked for`, async () => {
      const { rows } = await this.database.query<{ sent: string }>(
        `select sent from orders.saga, jsonb_array_elements(history) with ordinality step(entry, place), jsonb_array_elements_text(entry -> 'said') sent where key = $1 order by place`,
        [orderId],
      );
      const asked = rows.map(({ sent }) => sent).filter((sent) => TO_BE_ASKED.has(sent));
      return asked.includes(last.name) ? asked : undefined;
    });
  }

  /** Of everything that was ever ordered here. */
  async expectToAddUp(): Promise<void> {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['tools/shop/books.mjs', '--wait', String(PATIENCE / 1000)],
      { cwd: ROOT },
    ).catch((error: { stdout: string }) => error);
    expect(stdout.split('\n').filter((line) => line.startsWith('✗'))).toEqual([]);
    expect(stdout).toContain('✓');
  }

  /**
   * Tables of all services and of the kit in which a payment token stands in plain: in JSON or in a
   * column of its own. A sealed text may have `tok_` inside by chance, but none of what is before it.
   */
  tablesWithTokens(): Promise<readonly string[]> {
    return this.tablesWith(
      '"tok_',
      '(tok_',
      ',tok_',
      String.raw`\x${Buffer.from('tok_').toString('hex')}`,
    );
  }

  /**
   * Tables of all services and of the kit in which one of these texts stands, in plain or in hex.
   */
  async tablesWith(...texts: readonly string[]): Promise<readonly string[]> {
    const { rows } = await this.database.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) name from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
    );
    const spelt = texts.flatMap((text) => [text, Buffer.from(text).toString('hex')]);
    const found: string[] = [];
    for (const { name } of rows) {
      const { rowCount } = await this.database.query(
        `select from ${name} t where exists (select from unnest($1::text[]) spelt where strpos(t::text, spelt) > 0) limit 1`,
        [spelt],
      );
      if (rowCount === 1) found.push(name);
    }
    return found;
  }

  private get run(): Run {
    return readRun(this.runFile);
  }

  private get provider(): ProviderWindow {
    return new ProviderWindow(new URL(this.run.providerUrl));
  }

  private processOf(service: Service): Process {
    const process = Object.values(this.run.instances).find(
      (instance) => instance.service === service,
    );
    if (!process) throw new Error(`${service} does not run`);
    return process;
  }

  /** @returns the result of `look`, once it is neither false nor undefined */
  private async until<Found>(
    what: string,
    look: () => Found | undefined | false | Promise<Found | undefined | false>,
  ): Promise<Found> {
    let why: unknown;
    for (
      const end = Date.now() + PATIENCE;
      Date.now() < end;
      await new Promise((next) => setTimeout(next, LOOK_EVERY))
    ) {
      const found = await Promise.resolve(look()).catch((error: unknown) => void (why = error));
      if (found !== undefined && found !== false) return found;
    }
    throw new Error(`waited ${PATIENCE / 1000} s for ${what}`, { cause: why });
  }
}

const readRun = (file: string): Run => JSON.parse(readFileSync(resolve(ROOT, file), 'utf8')) as Run;

async function json<Answer>(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(url, { headers });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as Answer;
}
