import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { milliseconds, type Duration } from '@parley/contract';
import { parse } from 'yaml';
import { topology } from '../../../topology';
import { AFTERWARDS } from '../../../libs/parley/service/src/drain';
import { readEnvironment, ROOT } from './read-environment.fixture';

interface Container {
  readonly command?: string[];
  readonly environment?: Record<string, string>;
  readonly depends_on?: Record<string, { readonly condition: string; readonly required?: boolean }>;
  readonly ports?: string[];
  readonly volumes?: string[];
  readonly profiles?: string[];
  readonly stop_grace_period?: string;
  readonly read_only?: boolean;
}

const text = readFileSync(join(ROOT, 'docker/compose.yaml'), 'utf8');
const compose = parse(text, { merge: true }) as {
  services: Record<string, Container>;
  volumes: Record<string, null>;
};
const containers = Object.entries(compose.services);

/**
 * As Compose fills it in from .env, where every password is `secret-of-<VARIABLE>` and nothing else
 * is set.
 */
const filledIn = (value: string): string =>
  String(value).replace(
    /\$\{(\w+)(:[-?])([^}]*)\}/g,
    (_, name: string, operator: string, otherwise: string) =>
      operator === ':-' ? otherwise : `secret-of-${name}`,
  );

const environmentOf = (name: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(compose.services[name]!.environment!).map(([variable, value]) => [
      variable,
      filledIn(value),
    ]),
  );

const readings = new Map<string, Record<string, unknown>>();

/** The environment as the service's own config.ts reads it: once, for it loads the whole kit. */
function readBy(name: string): Record<string, unknown> {
  const reading = readings.get(name) ?? readEnvironment(name, environmentOf(name));
  readings.set(name, reading);
  return reading;
}

const services = topology.filter(({ place }) => place !== 'outside').map(({ name }) => name);

describe('docker/compose.yaml', () => {
  it('is what npm run compose makes of topology.ts', () => {
    expect(text).toBe(
      execFileSync(process.execPath, ['tools/compose/compose.mjs', '--print'], {
        cwd: ROOT,
        encoding: 'utf8',
      }),
    );
  });

  it.each(topology.map(({ name }) => name))('runs %s, in an environment that fits it', (name) => {
    expect(compose.services[name]!.command).toEqual(['node', `dist/apps/${name}/src/main.js`]);
    expect(() => readBy(name)).not.toThrow();
  });

  it.each(services)('gives %s its own role, and no other', (name) => {
    const secrets = JSON.stringify(environmentOf(name)).match(/secret-of-\w+/g);
    expect(secrets).toEqual(
      expect.arrayContaining([
        `secret-of-PARLEY_${name.toUpperCase()}_PASSWORD`,
        'secret-of-OPERATIONS_TOKEN',
      ]),
    );
    expect(secrets).toHaveLength(2);
    expect(readBy(name)).toMatchObject({
      DATABASE_URL: `postgres://${name}:secret-of-PARLEY_${name.toUpperCase()}_PASSWORD@postgres:5432/parley`,
    });
  });

  it('lets callers find every owner where it answers', () => {
    const { callsOf } = readBy('gateway') as { callsOf: (owner: string) => string };
    for (const { name } of topology.filter(({ answersCalls }) => answersCalls))
      expect(callsOf(name)).toBe(`grpc://${name}:${String(readBy(name)['CALLS_PORT'])}`);
  });

  it('tells the console where each service speaks of itself', () => {
    const urls = Object.entries(
      (readBy('console')['OPERATIONS_URLS'] as () => Record<string, string[]>)(),
    );
    expect(urls.map(([name]) => name)).toEqual(services);
    for (const [name, [url]] of urls) {
      const { PORT, OPERATIONS_PORT } = readBy(name);
      expect(url).toBe(`http://${name}:${String(OPERATIONS_PORT ?? PORT)}`);
      expect(readBy(name)).toMatchObject({
        ALLOWED_HOSTS: [name],
        OPERATIONS_TOKEN: readBy('console')['OPERATIONS_TOKEN'],
      });
    }
  });

  it('publishes the gateway and the console, to this machine only, without their operations', () => {
    const published = (profiles?: string[]) =>
      containers
        .filter(([, { ports, profiles: of }]) => ports && String(of) === String(profiles))
        .map(([name, { ports }]) => [name, ports!.map(filledIn)]);
    expect(published(['observe'])).toEqual([
      ['prometheus', ['127.0.0.1:9090:9090']],
      ['grafana', ['127.0.0.1:3300:3000']],
      ['jaeger', ['127.0.0.1:16686:16686']],
    ]);
    expect(published(['mqtt'])).toEqual([['mqtt', ['127.0.0.1:1883:1883']]]);
    expect(published()).toEqual([
      ['gateway', ['127.0.0.1:4000:3000']],
      ['console', ['127.0.0.1:4080:3000']],
    ]);
    for (const name of ['gateway', 'console'])
      expect(readBy(name)).toMatchObject({ PORT: 3000, OPERATIONS_PORT: 9000 });
  });

  it('leaves a drain the time it takes', () => {
    for (const name of services)
      expect(milliseconds(compose.services[name]!.stop_grace_period as Duration)).toBeGreaterThan(
        (readBy(name)['DRAIN_TIMEOUT'] as number) + AFTERWARDS,
      );
  });

  it('lets nobody write but to their own files', () => {
    for (const { name } of topology)
      expect(compose.services[name]).toMatchObject({ read_only: true });
  });

  it('waits for containers that are there, and needs none of a profile', () => {
    for (const [, { depends_on = {} }] of containers)
      for (const [name, { required = true }] of Object.entries(depends_on))
        expect(required).toBe(compose.services[name]!.profiles === undefined);
  });

  it('starts in some order: nobody waits for who waits for them', () => {
    const left = new Map(
      containers.map(([name, { depends_on = {} }]) => [name, Object.keys(depends_on)]),
    );
    for (let free = ['']; free.length > 0;) {
      free = [...left]
        .filter(([, waits]) => waits.every((name) => !left.has(name)))
        .map(([name]) => name);
      for (const name of free) left.delete(name);
    }
    expect([...left.keys()]).toEqual([]);
  });

  it('keeps what must outlive a container in volumes that have names', () => {
    const kept = containers.flatMap(([, { volumes = [] }]) =>
      volumes.filter((volume) => !volume.startsWith('.')).map((volume) => volume.split(':')[0]),
    );
    expect(kept.sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  it('shows Prometheus the metrics of every service, at the port where they are', () => {
    const { scrape_configs } = parse(
      readFileSync(join(ROOT, 'docker/observability/prometheus.yaml'), 'utf8'),
    ) as { scrape_configs: [{ dns_sd_configs: { names: string[]; port: number }[] }] };
    const scraped = scrape_configs[0].dns_sd_configs.flatMap(({ names, port }) =>
      names.map((name) => [name, port]),
    );
    const served = services.map((name) => {
      const { PORT, OPERATIONS_PORT } = readBy(name);
      return [name, OPERATIONS_PORT ?? PORT];
    });
    expect(scraped.sort()).toEqual(served.sort());
  });

  it('mounts files that are there', () => {
    const mounted = containers.flatMap(([, { volumes = [] }]) =>
      volumes.filter((volume) => volume.startsWith('.')).map((volume) => volume.split(':')[0]!),
    );
    for (const file of mounted)
      expect([file, existsSync(join(ROOT, 'docker', file))]).toEqual([file, true]);
  });

  it('holds no password', () => {
    const secrets = text.match(
      /^.*(?:PASS\b|PASSWORD\b|REDISCLI_AUTH|requirepass|:\/\/\S+:\S+@).*$/gm,
    )!;
    expect(secrets.length).toBeGreaterThan(20);
    for (const line of secrets) expect(line).toMatch(/\$\{PARLEY_\w+_PASSWORD:\?/);
  });
});
