import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contract, Kind } from '@parley/contract';
import { callsAllowed, ownersCalled, type Process, topology } from '../../../topology';

const ROOT = join(__dirname, '../../..');
/** Files that are not the service: specs, trials, fixtures. */
const TEST = /\.(spec|trial|fixture|test-d)\.ts$/;
const HANDLED = /@Handles\(\s*(\w+)|\.(?:startsOn|on)\(\s*(\w+),/g;
const SAID = /\b(?:call|send|broadcast|publish)\(\s*(\w+),/g;

const foldersOf = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );

/** Every contract of the shop by the name that code uses. */
const contracts = new Map<string, Contract>(
  foldersOf('libs/contracts').flatMap((owner) =>
    Object.entries(jest.requireActual<Record<string, Contract>>(`@contracts/${owner}`)).filter(
      ([, value]) => typeof value.kind === 'string',
    ),
  ),
);

const sourceOf = (name: string): string => {
  const folder = join(ROOT, 'apps', name, 'src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !TEST.test(file),
  );
  return files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
};

/** The contracts a pattern finds in a service's source. */
const found = (source: string, pattern: RegExp): Contract[] =>
  [...source.matchAll(pattern)].flatMap(([, ...names]) => {
    const contract = contracts.get(names.find(Boolean)!);
    return contract ? [contract] : [];
  });

const owners = (all: readonly Contract[], kind: Kind): string[] =>
  [...new Set(all.filter((contract) => contract.kind === kind).map(({ owner }) => owner))].sort();

const services = topology
  .filter(({ place }) => place !== 'outside')
  .map((process): [string, Process] => [process.name, process]);

describe('topology.ts', () => {
  it('has every app, and no other', () => {
    const apps = foldersOf('apps').filter((name) =>
      readdirSync(join(ROOT, 'apps', name, 'src')).includes('main.ts'),
    );
    expect(topology.map(({ name }) => name).sort()).toEqual(apps.sort());
  });

  it('gives no two processes one slot', () => {
    expect(new Set(topology.map(({ slot }) => slot)).size).toBe(topology.length);
  });

  it.each(services)('says of %s whom it talks to', (name, process) => {
    const { commands = [], follows = [], listens = [], answersCalls } = process;
    const source = sourceOf(name);
    const [handled, sent] = [found(source, HANDLED), found(source, SAID)];
    expect({
      calls: owners(sent, 'call'),
      commands: owners(sent, 'command'),
      follows: owners(handled, 'event'),
      listens: owners(handled, 'broadcast'),
    }).toEqual({
      calls: ownersCalled(process).sort(),
      commands: [...commands].sort(),
      follows: [...follows].sort(),
      listens: [...listens].sort(),
    });
    expect(answersCalls).toBe(handled.some(({ kind }) => kind === 'call'));
  });

  it('says who may call an owner', () => {
    expect(callsAllowed('catalog')).toEqual({ CALLS_ALLOWED: 'gateway,orders,console' });
    expect(callsAllowed('inventory')).toEqual({ CALLS_ALLOWED: 'none' });
  });

  it.each([...contracts.values()].map((contract) => [contract.name, contract] as const))(
    '%s is handled, or told, by its owner and nobody else',
    (_name, contract) => {
      const has = (pattern: RegExp, name: string) =>
        found(sourceOf(name), pattern).includes(contract);
      const [handlers, senders] = [
        services.filter(([name]) => has(HANDLED, name)),
        services.filter(([name]) => has(SAID, name)),
      ].map((all) => all.map(([name]) => name));
      if (contract.kind === 'call' || contract.kind === 'command')
        expect(handlers).toEqual([contract.owner]);
      else expect(senders).toEqual([contract.owner]);
    },
  );
});
