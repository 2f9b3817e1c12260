// Do the books agree? Compares what the services keep with what the outside saw: the payment provider's ledger and the mails
// on disk. Holds for everything ever ordered here, so it may be asked at any time when nothing is under way.
import fs from 'node:fs';
import pg from 'pg';
import { readJson } from './http-json.mjs';
import { readRun } from './run-file.mjs';

const FINAL = ['delivered', 'rejected'];

/** [{ what, ok, detail }] */
export async function reconcile(run = readRun()) {
  const client = new pg.Client({ connectionString: run.databaseUrl });
  await client.connect();
  try {
    const rows = async (sql) => (await client.query(sql)).rows;
    return [await money(rows, run), ...(await stock(rows)), await mails(rows, run), await leftOver(rows), await durability(rows)];
  } finally {
    await client.end();
  }
}

const euros = (cents) => `€${(Number(cents) / 100).toFixed(2)}`;

async function money(rows, { providerUrl }) {
  const [{ value }] = await rows(`select coalesce(sum(total), 0)::bigint as value from orders.order_view where status = 'delivered'`);
  const { captured, refunded } = await readJson(`${providerUrl}/ledger`);
  const ok = captured - refunded === Number(value);
  return { what: 'captured − refunded = value of delivered orders', ok, detail: `${euros(captured)} − ${euros(refunded)} ${ok ? '=' : '≠'} ${euros(value)}` };
}

async function stock(rows) {
  const [sums] = await rows('select sum(initial)::int as initial, sum(available)::int as available, sum(reserved)::int as reserved, sum(shipped)::int as shipped, bool_and(available >= 0) as positive, bool_and(initial = available + reserved + shipped) as whole from inventory.stock');
  const [{ pieces }] = await rows(`select coalesce(sum((line->>'quantity')::int), 0)::int as pieces from orders.order_view, jsonb_array_elements(lines) line where status = 'delivered'`);
  return [
    {
      what: 'available + reserved + shipped = initial, for every product',
      ok: sums.positive && sums.whole,
      detail: `${sums.available} + ${sums.reserved} + ${sums.shipped} = ${sums.initial}`,
    },
    {
      what: 'what was delivered left the stock, and nothing is reserved any more',
      ok: sums.shipped === pieces && sums.reserved === 0,
      detail: `${pieces} pieces delivered, ${sums.shipped} shipped, ${sums.reserved} reserved`,
    },
  ];
}

async function mails(rows, { mailDir }) {
  const [{ orders }] = await rows(`select count(*)::int as orders from orders.order_view where status = any('{${FINAL}}')`);
  if (!mailDir) return { what: 'one mail an order', ok: true, detail: 'mails go to a server; not counted' };
  const folder = fs.statSync(mailDir, { throwIfNoEntry: false });
  if (folder && !folder.isDirectory()) return { what: 'one mail an order', ok: false, detail: `${mailDir} is a file, not a folder of mails` };
  const files = folder ? fs.readdirSync(mailDir).filter((name) => name.endsWith('.eml')).length : 0;
  return { what: 'one mail an order', ok: files === orders, detail: `${files} mails, ${orders} orders` };
}

async function leftOver(rows) {
  const [left] = await rows(`select (select count(*)::int from parley.outbox) as outbox, (select count(*)::int from parley.message) as queued,
    (select count(*)::int from parley.later) as delayed, (select count(*)::int from parley.parked) as parked, (select count(*)::int from parley.dead) as dead,
    (select coalesce(sum(head.next - p.pos), 0)::int from parley.event_position p join parley.event_head head using (part)) as lag`);
  return { what: 'nothing is left in an outbox or queue', ok: Object.values(left).every((count) => count === 0), detail: Object.entries(left).map(([name, count]) => `${name} ${count}`).join(', ') };
}

async function durability(rows) {
  const settings = await rows(`select name, setting from pg_settings where name in ('fsync', 'synchronous_commit') order by name`);
  return { what: 'PostgreSQL waits for the disk', ok: settings.every(({ setting }) => setting === 'on'), detail: settings.map(({ name, setting }) => `${name} ${setting}`).join(', ') };
}

/** Asks again until the books agree or time is up: positions follow lazily, and mails are the last to be written. */
export async function reconciled(milliseconds, run = readRun()) {
  for (const end = Date.now() + milliseconds; ; await new Promise((resolve) => setTimeout(resolve, 500))) {
    const findings = await reconcile(run);
    if (findings.every(({ ok }) => ok) || Date.now() > end) return findings;
  }
}
