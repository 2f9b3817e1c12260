// npm run mutants [-- name …]: breaks one line at a time in a scratch copy of the sources
// (TypeScript and SQL) and runs the specs that should notice. A mutant that lives is a promise that
// is written down and not tried. Prints the score; exits 1 when one lives. node
// tools/test/mutants.mjs --check: only whether every mutant still fits the sources (npm run lint
// asks).
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { commandLine } from '../terminal/command-line.mjs';
import {
  mutatedFiles,
  refuseSharedContracts,
  tryGenerated,
  wantedFiles,
} from './generated-mutants.mjs';
import { checkChanges, ScratchCopy } from './scratch-copy.mjs';

/** @typedef {keyof typeof MUTANTS} Name */

process.chdir(path.resolve(import.meta.dirname, '../..'));
const MESSAGING = 'libs/parley/messaging/src';
const POSTGRES = 'libs/parley/transports/postgres/src';

/**
 * `text` is replaced by `instead`; `specs` are paths, `tests` the names of the tests that should
 * notice.
 */
const MUTANTS = {
  'removed from the outbox before it is published': {
    file: `${MESSAGING}/sending/relay-line.ts`,
    text: '    const failures = await publish(free.map',
    instead:
      '    await this.context.remove(free.map(({ id }) => id));\n    const failures = await publish(free.map',
    specs: `${MESSAGING}/sending/outbox-relay.spec`,
    tests: 'not before',
  },
  'a row that can never be published is tried again': {
    file: `${MESSAGING}/sending/relay-line.ts`,
    text: 'if (error instanceof UnpublishableError) {',
    instead: 'if (error === undefined) {',
    specs: `${MESSAGING}/sending/outbox-relay.spec`,
    tests: 'can never be published',
  },
  'a row behind a dead letter overtakes it': {
    file: `${MESSAGING}/sending/outbox-dead-letters.ts`,
    text: 'if (row.lane !== undefined) this.held.add(row.lane);',
    instead: '',
    specs: `${MESSAGING}/sending/outbox-relay.spec`,
    tests: 'can never be published',
  },
  'a delayed message goes out at once': {
    file: `${MESSAGING}/sending/publisher.ts`,
    text: 'if (delay <= 0 || delays === true) return false',
    instead: 'if (delay >= 0) return false',
    specs: `${MESSAGING}/sending/publisher.spec`,
    tests: 'a delayed message',
  },
  'an id under a key leaves out the contract': {
    file: `${MESSAGING}/message/message-id.ts`,
    text: 'JSON.stringify([source, contract, key])',
    instead: 'JSON.stringify([source, key])',
    specs: `${MESSAGING}/message/message-id.spec`,
    tests: 'the id of',
  },
  'two services share an idempotency scope': {
    file: `${MESSAGING}/ports/idempotency-store.ts`,
    text: 'JSON.stringify([source, type, idempotencykey])',
    instead: 'JSON.stringify([type, idempotencykey])',
    specs: `${MESSAGING}/message/message-id.spec`,
    tests: 'a scope of its own',
  },
  'a conflict of ids holds its lane': {
    file: `${MESSAGING}/delivery/failure-decision.ts`,
    text: '!(error instanceof IdConflictError)',
    instead: 'true',
    specs: `${MESSAGING}/delivery/pipeline-settle.spec`,
    tests: 'another message under its id',
  },
  'one that cannot renew for a whole lease is not told': {
    file: `${POSTGRES}/queue/lane-leases.ts`,
    text: 'now - this.renewedAt >= this.lease',
    instead: 'now < 0',
    specs: `${POSTGRES}/queue/lane-leases.spec`,
    tests: 'a whole lease',
  },
  'a handling commits without waiting for the disk': {
    file: `${POSTGRES}/store/transaction.ts`,
    text: "client.query('begin isolation level read committed')",
    instead:
      "client.query('begin isolation level read committed; set local synchronous_commit = off')",
    specs: `${POSTGRES}/store/store-guarantees.int.spec`,
    tests: 'is on the disk',
  },
  'a day of the log closes while it is written to': {
    file: `${POSTGRES}/sql/10-log.sql`,
    text: 'where pg_snapshot_xmin(seen) >= closing_xid',
    instead: 'where closing_xid is not null',
    specs: `${POSTGRES}/log/log.int.spec`,
    tests: 'does not close a day',
  },
  'a partition is given away while its handlers run': {
    file: `${POSTGRES}/log/log-subscription.ts`,
    text: 'if (partition.running > 0) return;',
    instead: 'if (partition.running > 1e9) return;',
    specs: `${POSTGRES}/log/log.int.spec`,
    tests: 'away only when',
  },
  'a command is acknowledged without its lease': {
    file: `${POSTGRES}/sql/02-queue.sql`,
    text: `
    and exists (select from lane x where x.queue = q and x.lane = l and x.token = t and t <> 0) returning c.message_id into m;
  if m is null then`,
    instead: `
    returning c.message_id into m;
  if m is null then`,
    specs: `${POSTGRES}/store/store-guarantees.int.spec`,
    tests: 'may not acknowledge, retry or bury',
  },
  'a command of two copies takes effect twice': {
    file: `${POSTGRES}/sql/02-queue.sql`,
    text: '  if not found then perform refuse_repeated(q, m, p); end if;\n',
    instead: '',
    specs: `${POSTGRES}/queue/queue.int.spec`,
    tests: 'sent twice into effect once',
  },
  'the commands of a lane are claimed in reverse': {
    file: `${POSTGRES}/sql/02-queue.sql`,
    text: 'where s.seen = n + 500 and s.free < n)\n  order by 1, 4;',
    instead: 'where s.seen = n + 500 and s.free < n)\n  order by 1, 4 desc;',
    specs: `${POSTGRES}/queue/queue.int.spec`,
    tests: 'keeps the order of each key',
  },
  'a retry is claimed before its time': {
    file: `${POSTGRES}/sql/02-queue.sql`,
    text: 'where l.queue = q and l.parked and l.until <= at and l.lane > above',
    instead: 'where l.queue = q and l.parked and l.lane > above',
    specs: `${POSTGRES}/queue/queue.int.spec`,
    tests: 'does not retry before its time',
  },
  'a lane whose consumer died is claimed with the others': {
    file: `${POSTGRES}/sql/02-queue.sql`,
    text: "            when aside and l.token <> 0 then 'lost' end state\n",
    instead: '            end state\n',
    specs: `${POSTGRES}/queue/queue-suspects.int.spec`,
    tests: 'one at a time',
  },
  'an event is acknowledged without its lease': {
    file: `${POSTGRES}/sql/10-log.sql`,
    text: 'where sub = s and part = p and epoch = e and pos <= o;',
    instead: 'where sub = s and part = p and pos <= o;',
    specs: `${POSTGRES}/log/log.int.spec`,
    tests: 'whose lease ran out',
  },
  'an event that was handled takes effect again': {
    file: `${POSTGRES}/sql/10-log.sql`,
    text: '  if n = 0 then raise exception',
    instead: '  if n < 0 then raise exception',
    specs: `${POSTGRES}/log/log.int.spec`,
    tests: 'acknowledges an event once',
  },
  'an event overtakes a parked one of its key': {
    file: `${POSTGRES}/sql/10-log.sql`,
    text: '  if l is not null and exists',
    instead: '  if l is null and exists',
    specs: `${POSTGRES}/log/log.int.spec`,
    tests: 'acknowledges no event of a parked lane',
  },
  'a batch of commands is acknowledged without its leases': {
    file: `${POSTGRES}/sql/02-queue.sql`,
    text: `where exists (select from lane x where x.queue = q and x.lane = w.lane and x.token = t and t <> 0)),
    moved as (delete from message`,
    instead: `),
    moved as (delete from message`,
    specs: `${POSTGRES}/queue/settle-all.int.spec`,
    tests: 'the lease of one is lost',
  },
  'a command of two copies takes effect twice in a batch': {
    file: `${POSTGRES}/sql/02-queue.sql`,
    text: '  if noted < gone then raise exception',
    instead: '  if noted < 0 then raise exception',
    specs: `${POSTGRES}/queue/settle-all.int.spec`,
    tests: 'in two copies',
  },
  'a batch of events is acknowledged without its leases': {
    file: `${POSTGRES}/sql/10-log.sql`,
    text: 'c.part = x.p and c.epoch = x.e and c.pos <= x.o);',
    instead: 'c.part = x.p and c.pos <= x.o);',
    specs: `${POSTGRES}/log/log.int.spec`,
    tests: 'none when the lease of one is lost',
  },
  'an event that was handled takes effect again in a batch': {
    file: `${POSTGRES}/sql/10-log.sql`,
    text: '  if n < cardinality(offs) then raise exception',
    instead: '  if n < 0 then raise exception',
    specs: `${POSTGRES}/log/log.int.spec`,
    tests: 'none when one was handled already',
  },
  'a batch of events overtakes a parked one of its keys': {
    file: `${POSTGRES}/sql/10-log.sql`,
    text: 'x.lane = any(lanes) and x.parked) then',
    instead: 'x.lane = any(lanes) and not x.parked) then',
    specs: `${POSTGRES}/log/log.int.spec`,
    tests: 'none when the lane of one is parked',
  },
  'a batch of which one was recorded counts as new': {
    file: `${POSTGRES}/sql/03-store.sql`,
    text: '  return n = cardinality(ms);',
    instead: '  return n <= cardinality(ms);',
    specs: `${POSTGRES}/store/store.int.spec`,
    tests: 'one of them is recorded already',
  },
  'a batch overtakes a message that waits for its lane': {
    file: `${POSTGRES}/sql/03-store.sql`,
    text: '  return found or exists (select from parked p',
    instead: '  return exists (select from parked p',
    specs: `${POSTGRES}/store/store.int.spec`,
    tests: 'one of several messages waits',
  },
  'batches lock their parked lanes in any order': {
    file: `${POSTGRES}/sql/03-store.sql`,
    text: 'and x.parked order by x.lane for update;',
    instead: 'and x.parked for update;',
    specs: `${POSTGRES}/store/store-guarantees.int.spec`,
    tests: 'does not deadlock two batches',
  },
  'the unfinished handlings of another message count': {
    file: `${POSTGRES}/sql/50-suspects.sql`,
    text: 'where u.queue = q and u.message_id = m order by u.at;',
    instead: 'where u.queue = q order by u.at;',
    specs: `${POSTGRES}/store/store.int.spec`,
    tests: 'counts handlings without an outcome',
  },
  'an outcome ends the count of other messages': {
    file: `${POSTGRES}/sql/50-suspects.sql`,
    text: 'delete from unfinished u where u.queue = q and u.message_id = m;',
    instead: 'delete from unfinished u where u.queue = q;',
    specs: `${POSTGRES}/store/store.int.spec`,
    tests: 'counts handlings without an outcome',
  },
  'commands that become due together come in reverse': {
    file: `${POSTGRES}/sql/02-queue.sql`,
    text: 'select * from gone order by due, id)',
    instead: 'select * from gone order by due, id desc)',
    specs: `${POSTGRES}/queue/queue.int.spec`,
    tests: 'due together',
  },
};

const HELP = `npm run mutants [-- options] [-- name …]      breaks one line at a time in a copy of the sources: which specs notice

  names        ${Object.keys(MUTANTS).join('\n               ')}
               without any: all
  --file F     those of this file only: relay-line.ts
  --generated  mutants made by Stryker instead, file by file; the names are then files:
               ${mutatedFiles()
                 .map(({ name }) => name)
                 .join(' ')}
               (relay-line is enough), or folders: delivery, sending, sagas, postgres; without any: all
  --check      only whether both lists still fit the sources (part of npm run lint)
  --help

Exits with 1 when a mutant lives.`;

/** @param {Name} name */
const changeOf = (name) => ({ name, ...MUTANTS[name] });

function check() {
  const names = /** @type {Name[]} */ (Object.keys(MUTANTS));
  checkChanges(names.map(changeOf));
  refuseSharedContracts();
  console.log(
    `${names.length} mutants and ${mutatedFiles().length} files to mutate fit the sources`,
  );
}

/**
 * True when the specs of a mutant are green.
 * @param {ScratchCopy} copy
 * @param {{ specs: string, tests: string }} mutant
 */
function isGreen(copy, { specs, tests }) {
  const { status, stdout } = spawnSync(
    process.execPath,
    ['tools/test/test.mjs', specs, '-t', tests],
    {
      cwd: copy.folder,
      encoding: 'utf8',
    },
  );
  if (!/\d+ passed/.test(stdout))
    throw new Error(`the tests of ${specs} did not run: ${stdout.slice(-2_000)}`);
  return status === 0;
}

/**
 * @param {ScratchCopy} copy
 * @param {Name} name
 */
function lives(copy, name) {
  const mutant = MUTANTS[name];
  if (!isGreen(copy, mutant)) throw new Error(`with nothing broken, ${mutant.specs} is red`);
  return copy.with(changeOf(name), () => isGreen(copy, mutant));
}

/** @param {readonly Name[]} names */
function report(names) {
  const copy = new ScratchCopy();
  try {
    const alive = names.filter((name) => {
      const isAlive = lives(copy, name);
      console.log(`${isAlive ? '✗ lives ' : '✓ killed'}  ${name} (${MUTANTS[name].file})`);
      return isAlive;
    });
    console.log(`${names.length - alive.length} of ${names.length} mutants killed`);
    return alive.length === 0;
  } finally {
    copy.remove();
  }
}

/** @param {string} what */
function misunderstood(what) {
  console.error(`there is no mutant ${what}; npm run mutants -- --help lists them`);
  return 2;
}

/** @param {readonly string[]} words */
async function generated(words) {
  const { unknown, files } = wantedFiles(words);
  if (unknown) return misunderstood(`of a file "${unknown}"`);
  return (await tryGenerated(files)) ? 0 : 1;
}

/**
 * @param {readonly string[]} words
 * @param {string} [file]
 */
function ours(words, file) {
  const unknown = words.find((name) => !(name in MUTANTS));
  if (unknown) return misunderstood(`"${unknown}"`);
  const wanted = /** @type {Name[]} */ (Object.keys(MUTANTS))
    .filter((name) => words.length === 0 || words.includes(name))
    .filter((name) => file === undefined || MUTANTS[name].file.endsWith(file));
  if (wanted.length === 0) return misunderstood(`of ${file}`);
  return report(wanted) ? 0 : 1;
}

const { values, positionals } = commandLine(HELP, {
  options: {
    check: { type: 'boolean' },
    file: { type: 'string' },
    generated: { type: 'boolean' },
  },
  allowPositionals: true,
});
if (values.check) check();
else
  process.exitCode = values.generated
    ? await generated(positionals)
    : ours(positionals, values.file);
