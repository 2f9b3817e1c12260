// The bench of calls: a caller and one that answers, each a process of its own.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeCertificates } from '../../tools/dev/development-certificates.mjs';
import { freePort } from '../../tools/dev/ports.mjs';
import { cpuSeconds } from '../measure/cpu.mjs';
import { start } from '../measure/processes.mjs';

/** @import { Contestant, Context, Figures, Mode } from '../measure/mode.mjs' */
/** @import { Servant } from '../measure/processes.mjs' */

const [AT_ONCE, CALLS, ALONE] = [64, 20_000, 2_000];
const PROCESS = path.join(import.meta.dirname, 'process.mjs');

/** @type {Mode['measure']} */
async function measure({ file, label, dist, with: settings = {} }, context) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-bench-'));
  const place = {
    port: await freePort(),
    folder,
    dist: path.resolve(dist ?? context.dist),
    settings,
  };
  const absolute = path.resolve(import.meta.dirname, '..', file);
  /** @param {'serve' | 'call'} role */
  const begin = (role) =>
    start(PROCESS, [absolute, role, JSON.stringify(place)], {
      node: context.node,
      name: `${label} (${role})`,
      env: { CALLS_RESILIENCE: settings['unguarded'] ? 'off' : 'on' },
    });
  /** @type {Servant[]} */
  const both = [];
  try {
    if (settings['tls']) await makeCertificates(['catalog', 'orders'], folder);
    both.push(await begin('serve'), await begin('call'));
    return await worksOf(both, context);
  } finally {
    for (const one of both) await one.end();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Servant[]} both @param {Context} context */
async function worksOf([owner, caller], { scale, wants }) {
  if (!owner || !caller) throw new Error('there are no two processes');
  /** @param {number} calls */
  const count = (calls) => Math.max(AT_ONCE, Math.round(calls * scale));
  const [many, few] = [count(CALLS), count(ALONE)];
  await caller.ask({ calls: count(CALLS / 2), atOnce: AT_ONCE }); // compiles
  /** @type {Record<string, Figures>} */
  const figures = {};
  if (wants('at-once')) {
    const before = [owner, caller].map(({ pid }) => cpuSeconds([pid]));
    const { seconds, p50, p99 } = await caller.ask({ calls: many, atOnce: AT_ONCE });
    const [owners = 0, callers = 0] = [owner, caller].map(
      ({ pid }, index) => ((cpuSeconds([pid]) - (before[index] ?? 0)) / many) * 1000,
    );
    const cpuNode = owners + callers;
    figures['at-once'] = { rate: many / seconds, cpuNode, cpuCaller: callers, p50, p99 };
  }
  if (wants('alone')) {
    const { p50, p99 } = await caller.ask({ calls: few, atOnce: 1 });
    figures['alone'] = { p50, p99 };
  }
  return figures;
}

const PARLEY = {
  file: 'calls/parley.mjs',
  settings: 'defaults: validation, envelope, deadline, trace, the policies of calls.',
};
/** @type {Contestant[]} */
const OURS = ['http', 'tcp', 'grpc'].map((technology) => ({
  ...PARLEY,
  name: `parley-${technology}`,
  label: `Parley, ${technology}`,
  with: { technology },
}));

/** @type {Mode} */
export const call = {
  name: 'call',
  what: 'Calls of 500 bytes between two processes, validated on both sides',
  servers: [],
  works: [
    { name: 'at-once', what: '64 at once' },
    { name: 'alone', what: 'one at a time' },
  ],
  limit: 'fastify-undici',
  contestants: [
    ...OURS,
    {
      name: 'fastify-undici',
      label: 'by hand, fastify and undici',
      file: 'calls/fastify-undici.mjs',
      packages: ['fastify', 'undici'],
      settings:
        'a pool of connections that are kept, JSON; validation, deadline and trace by hand.',
    },
    {
      name: 'grpc-js',
      label: 'by hand, grpc-js',
      file: 'calls/grpc-js.mjs',
      packages: ['@grpc/grpc-js', '@grpc/proto-loader'],
      settings: 'one channel, protobuf; validation, deadline and trace by hand.',
    },
    {
      name: 'nest-grpc',
      label: 'Nest, gRPC',
      file: 'calls/nest.mjs',
      packages: ['@nestjs/microservices', '@grpc/proto-loader'],
      with: { transport: 'grpc' },
      settings: 'its defaults; validation and a time limit by hand, no trace.',
    },
    {
      name: 'nest-tcp',
      label: 'Nest, TCP',
      file: 'calls/nest.mjs',
      packages: ['@nestjs/microservices'],
      with: { transport: 'tcp' },
      settings: 'its defaults; validation and a time limit by hand, no trace.',
    },
    {
      name: 'moleculer',
      label: 'Moleculer',
      file: 'calls/moleculer.mjs',
      packages: ['moleculer'],
      settings:
        'its TCP transporter without UDP discovery, JSON; validation by hand, its own time limit, no trace.',
    },
    ...OURS.map((one) => ({
      ...one,
      name: `${one.name}-extras`,
      label: `${one.label}, hedge and stale`,
      with: { ...one.with, extras: true },
      settings: 'a contract with `hedge` and `stale`.',
      onlyWhenNamed: true,
    })),
    ...OURS.map((one) => ({
      ...one,
      name: `${one.name}-unguarded`,
      label: `${one.label}, policies off`,
      with: { ...one.with, unguarded: true },
      settings: 'as above without the policies of calls.',
      onlyWhenNamed: true,
    })),
    ...OURS.map((one) => ({
      ...one,
      name: `${one.name}-tls`,
      label: `${one.label}, mutual TLS`,
      with: { ...one.with, tls: true },
      settings: 'as above by mutual TLS, with a policy of who may call.',
      onlyWhenNamed: true,
    })),
    {
      ...PARLEY,
      name: 'parley-grpc-json',
      label: 'Parley, grpc, JSON',
      with: { technology: 'grpc', json: true },
      settings: 'a contract without field numbers, which travels as JSON.',
      onlyWhenNamed: true,
    },
  ],
  measure,
};
