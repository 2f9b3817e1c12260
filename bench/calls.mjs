// The cost of a call: CPU of the caller and of the one that answers, in processes of their own, by
// technology, in interleaved rounds. On a busy machine the lowest CPU says most, rate and latency
// little.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';

/** Calls of which each waits for the one before it. */
const ONE_AT_A_TIME = 300;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function start(resilience, ...args) {
  const env = { ...process.env, CALLS_RESILIENCE: resilience };
  const program = args.includes('by-hand') ? 'calls-by-hand.mjs' : 'calls-process.mjs';
  const child = fork(path.join(import.meta.dirname, program), args, { env });
  await once(child, 'message');
  return child;
}

async function ask(child, order) {
  child.send(order);
  return (await once(child, 'message'))[0];
}

/** A caller and one that answers, on one technology. */
async function pair(dist, technology, resilience) {
  const port = String(await freePort());
  const server = await start(resilience, dist, technology, port, 'serve');
  const caller = await start(resilience, dist, technology, port);
  return {
    name: `${technology}${resilience === 'off' ? ', policies off' : ''}${dist.includes('bench') ? '' : ` (${dist})`}`,
    runs: [],
    async run(calls, concurrency) {
      await ask(server, 'cpu');
      const asked = await ask(caller, { calls, concurrency });
      const { cpu } = await ask(server, 'cpu');
      const { p50: alone } = await ask(caller, { calls: ONE_AT_A_TIME, concurrency: 1 });
      return {
        alone,
        caller: asked.cpu / calls,
        server: cpu / calls,
        ...asked,
        rate: calls / asked.seconds,
      };
    },
    close: () => [server, caller].forEach((child) => child.disconnect()),
  };
}

/**
 * @param {string} dist
 * @param {{ rounds?: number, calls?: number, concurrency?: number, technologies?: string, resilience?: string, with?: string }} options
 */
export async function calls(dist, options) {
  const {
    rounds = 5,
    calls: count = 10_000,
    concurrency = 64,
    technologies = 'by-hand,http,tcp,grpc',
    resilience = 'on',
  } = options;
  const dists = [dist, ...(options.with ? [options.with] : [])];
  const pairs = [];
  for (const technology of technologies.split(','))
    for (const one of dists)
      for (const policies of resilience.split(','))
        pairs.push(await pair(path.resolve(one), technology, policies));
  for (const one of pairs) await one.run(count, concurrency); // compiles
  for (let round = 0; round < rounds; round++)
    for (const one of pairs) one.runs.push(await one.run(count, concurrency));
  console.log(
    `${rounds} rounds of ${count} calls, ${concurrency} at once: the lowest CPU, and medians\n`,
  );
  console.log(
    '| technology | CPU a call | caller | server | median | calls/s | p50 | p50, one at a time |',
  );
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|');
  for (const { name, runs } of pairs) {
    const lowest = (value) => `${Math.min(...runs.map(value)).toFixed(0)} µs`;
    const of = (value) => median(runs.map(value));
    console.log(
      `| ${[
        name,
        lowest(({ caller, server }) => caller + server),
        lowest(({ caller }) => caller),
        lowest(({ server }) => server),
        `${of(({ caller, server }) => caller + server).toFixed(0)} µs`,
        of(({ rate }) => rate).toFixed(0),
        `${of(({ p50 }) => p50).toFixed(1)} ms`,
        `${of(({ alone }) => alone).toFixed(2)} ms`,
      ].join(' | ')} |`,
    );
  }
  for (const one of pairs) one.close();
  return true;
}
