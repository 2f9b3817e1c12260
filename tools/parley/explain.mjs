// npm run parley -- explain: the way of a contract, from whoever says it to whatever handles it.
import { paint } from '../terminal/colours.mjs';
import { topology } from '../topology/topology.mjs';
import { read } from './arguments.mjs';
import { ConsoleApi, Refusal } from './console-api.mjs';
import { answered } from './dead-letters-list.mjs';

const HELP = `npm run parley -- explain <contract> [--json]

  npm run parley -- explain orders.order-placed

Every hop with its technology, its queue, channel or partition, its policies, and why. Told by the services that run;
who is allowed to say it is in topology.ts.`;

const KINDS = {
  call: 'synchronous: one instance of the owner answers now, or the deadline does',
  command: 'a queue: stored until its owner has handled it, once',
  broadcast: 'publish/subscribe: whoever listens now',
  event: 'the durable log: every subscription reads it in its own pace, in the order of its key',
};
const CALLERS = { call: 'calls', command: 'commands' };

export async function run(args) {
  const asked = read(args, { help: HELP, positionals: [1, 1] });
  if (!asked) return;
  const name = asked.given[0];
  const answers = answered(await new ConsoleApi().get(`explain/${encodeURIComponent(name)}`));
  if (answers.length === 0)
    throw new Refusal(
      `No service that runs knows a contract ${name}; the contracts are in libs/contracts.`,
    );
  const explained = explanationOf(answers);
  console.log(asked.json ? JSON.stringify(explained, null, 2) : drawn(explained));
}

/**
 * Calls and commands are said by those who are declared to, events and broadcasts by their owner.
 */
function explanationOf(answers) {
  const { contract } = answers[0];
  const list = CALLERS[contract.kind];
  const allowed = topology
    .filter((service) =>
      list ? service[list]?.includes(contract.owner) : service.name === contract.owner,
    )
    .map(({ name }) => name);
  const senders = answers
    .filter(({ service, says }) => says && allowed.includes(service))
    .map(({ service, says }) => ({ service, ...says }));
  const handlers = answers.flatMap(({ service, handlers }) =>
    handlers.map((handler) => ({ service, ...handler })),
  );
  return { contract, senders, declared: allowed, handlers };
}

function drawn({ contract, senders, declared, handlers }) {
  const { name, kind, owner, version, key } = contract;
  const lines = [
    `${paint('cyan', name)}  ${kind} of ${owner}, version ${version}${key ? `, key ${key}` : ''}`,
    paint('grey', `  ${kind}: ${KINDS[kind]}`),
    '',
  ];
  if (senders.length === 0)
    lines.push(
      declared.length
        ? `said by ${declared.join(', ')}, not running with anything that carries it`
        : 'nobody in topology.ts says it',
    );
  for (const [way, services] of ways(senders)) lines.push(...drawnWay(way, services, kind));
  lines.push(
    handlers.length === 0 ? paint('red', '  nothing that runs handles it') : `  handled by`,
  );
  for (const handler of handlers) lines.push(...drawnHandler(handler));
  return lines.join('\n');
}

/** Senders whose messages go the same way are drawn once. */
function ways(senders) {
  const found = new Map();
  for (const { service, technology, address, hops } of senders) {
    const id = JSON.stringify([technology, address, hops]);
    found.set(id, {
      way: { technology, address, hops },
      services: [...(found.get(id)?.services ?? []), service],
    });
  }
  return [...found.values()].map(({ way, services }) => [way, services]);
}

function drawnWay({ technology, address, hops }, services, kind) {
  const hop = ({ what, name, why }) => [
    `  │`,
    `  ▼ ${what.padEnd(11)} ${paint('yellow', name)}`,
    paint('grey', `  │ ${''.padEnd(11)} ${why}`),
  ];
  const chosen = `${kind.toUpperCase()}S_URL of the sender chooses it${kind === 'call' ? '' : '; default DATABASE_URL'}`;
  const carried = `  said by ${services.join(', ')}, carried by ${paint('green', technology)} at ${address}`;
  return [carried, paint('grey', `  │ ${''.padEnd(11)} ${chosen}`), ...hops.flatMap(hop), '  │'];
}

function drawnHandler(handler) {
  const { service, handler: name, subscription } = handler;
  const policies = policiesOf(handler).map((policy) => paint('grey', `      ${policy}`));
  return [`  ▼ ${paint('green', subscription ?? service)}  ${name}`, ...policies];
}

const times = (count, what) => `${count} ${what}${count === 1 ? '' : 's'}`;
const ms = (value) => (value >= 1000 && value % 1000 === 0 ? `${value / 1000} s` : `${value} ms`);

function policiesOf({
  kind,
  key,
  live,
  from,
  concurrency,
  batch,
  transaction,
  timeout,
  retry,
  deadline,
  idempotent,
}) {
  if (kind === 'call')
    return [
      `deadline ${ms(deadline)} unless less is left of the caller's budget`,
      idempotent
        ? 'idempotent: asked again when the answer is lost'
        : 'not idempotent: a lost answer is told, never asked for again',
    ];
  const policies = [
    `${concurrency} at a time in each instance${key ? `, one at a time of one ${key}` : ''}`,
  ];
  if (batch)
    policies.push(`up to ${batch} together in one transaction; each alone when that fails`);
  if (kind === 'event')
    policies.push(
      live
        ? 'live tail: from now on, at most once, to every instance'
        : `starts at ${from === 'beginning' ? 'the beginning of the log' : from} the first time it is seen; its instances share it`,
    );
  if (kind === 'broadcast') policies.push('at most once, no retries, no order promised');
  if (!retry) return policies;
  policies.push(
    transaction === 'own'
      ? 'its own transaction: outside work first, then one commit'
      : 'in one transaction with its effects, what it says and the acknowledgement',
  );
  policies.push(
    `${retry.immediate} more tries at once${retry.delays.length ? `, deliveries again after ${retry.delays.map(ms).join(', ')}` : ', no later deliveries'}, then a dead letter${key ? ' that its lane waits for' : ''}`,
  );
  policies.push(`told to give up after ${ms(timeout)}`);
  // A service of an older build does not tell.
  if (retry.unfinished !== undefined)
    policies.push(
      `after ${times(retry.unfinished, 'handling')} alone without an outcome (its process ended), a dead letter, too`,
    );
  return policies;
}
