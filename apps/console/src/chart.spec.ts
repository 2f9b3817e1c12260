import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { milliseconds, type Contract, type Duration } from '@parley/contract';
import { parse, parseAllDocuments } from 'yaml';
import { callsAllowed, ownersCalled, type Process, topology } from '../../../topology';
import { AFTERWARDS } from '../../../libs/parley/service/src/drain';
import { readEnvironment, ROOT } from './read-environment.fixture';

interface Connection {
  readonly name: string;
  readonly port: number;
}

interface Facts {
  readonly place: string;
  readonly role?: string;
  readonly operationsPort?: number;
  readonly callsPort?: number;
  readonly messages: string[];
  readonly subscriptions: string[];
  readonly reaches: Connection[];
  readonly reachedBy: Connection[];
}

interface Values {
  readonly topology: Record<string, Facts>;
  readonly services: Record<string, { replicas: number }>;
  readonly drain: { preStopSeconds: number; timeoutSeconds: number; closeSeconds: number };
}

const chart = (...args: string[]) =>
  spawnSync(process.execPath, ['tools/chart/chart.mjs', ...args], { cwd: ROOT, encoding: 'utf8' });

const values = parse(readFileSync(join(ROOT, 'kubernetes/values.yaml'), 'utf8')) as Values;
const names = topology.map(({ name }) => name);
const services = topology.filter(({ place }) => place !== 'outside');

/** `gateway > catalog: 5000`, for each connection that topology.ts asks for. */
function connectionsOf(process: Process): string[] {
  const { name, outside = [] } = process;
  const asked = name === 'console' ? services : [];
  return [
    ...ownersCalled(process).map((owner) => `${name} > ${owner}: 5000`),
    ...asked.map(
      (other) =>
        `${name} > ${other.name}: ${['gateway', 'console'].includes(other.name) ? 9000 : 3000}`,
    ),
    ...outside.filter((other) => other !== 'mail').map((other) => `${name} > ${other}: 3000`),
  ];
}

const wanted = topology.flatMap(connectionsOf).sort();

describe('kubernetes/values.yaml', () => {
  it('is what npm run chart makes of topology.ts, and so is its schema', () => {
    expect(chart('--print', 'values').stdout).toBe(
      readFileSync(join(ROOT, 'kubernetes/values.yaml'), 'utf8'),
    );
    expect(chart('--print', 'schema').stdout).toBe(
      readFileSync(join(ROOT, 'kubernetes/values.schema.json'), 'utf8'),
    );
  });

  it('has settings and facts of each process, and of no other', () => {
    expect(Object.keys(values.services)).toEqual(names);
    expect(Object.keys(values.topology)).toEqual(names);
  });

  it('lets those connect who have to, at both ends, and nobody else', () => {
    const facts = Object.entries(values.topology);
    expect(
      facts
        .flatMap(([name, { reaches }]) => reaches.map((to) => `${name} > ${to.name}: ${to.port}`))
        .sort(),
    ).toEqual(wanted);
    expect(
      facts
        .flatMap(([name, { reachedBy }]) =>
          reachedBy.map((by) => `${by.name} > ${name}: ${by.port}`),
        )
        .sort(),
    ).toEqual(wanted);
  });

  it('knows the kinds of messages that each service sends, tells or handles', () => {
    const owners = readdirSync(join(ROOT, 'libs/contracts'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    const contracts = owners.flatMap((owner) =>
      Object.values(jest.requireActual<Record<string, Contract>>(`@contracts/${owner}`)).filter(
        ({ kind }) => typeof kind === 'string',
      ),
    );
    for (const { name, commands = [], follows = [], listens = [] } of services) {
      const own = contracts.filter(({ owner }) => owner === name).map(({ kind }) => `${kind}s`);
      const used = new Set([
        ...own,
        ...(commands.length > 0 ? ['commands'] : []),
        ...(follows.length > 0 ? ['events'] : []),
        ...(listens.length > 0 ? ['broadcasts'] : []),
      ]);
      used.delete('calls');
      expect([name, new Set(values.topology[name]!.messages)]).toEqual([name, used]);
    }
  });

  it('names a subscription for each service that handles commands or follows events', () => {
    for (const { name, follows = [] } of services) {
      const { subscriptions } = values.topology[name]!;
      const handles = topology.some(({ commands = [] }) => commands.includes(name as never));
      expect(subscriptions.includes(name)).toBe(handles);
      expect(subscriptions.some((one) => one.startsWith(`${name}.`))).toBe(follows.length > 0);
    }
  });

  it('leaves a drain the time it takes', () => {
    expect(values.drain.closeSeconds * 1000).toBeGreaterThanOrEqual(AFTERWARDS);
  });
});

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}

interface Probe {
  readonly httpGet: { readonly path: string };
  readonly timeoutSeconds: number;
}

interface Container {
  readonly args: string[];
  readonly env: Variable[];
  readonly volumeMounts: object[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly securityContext: object;
  readonly resources: { readonly requests: object; readonly limits: object };
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
  readonly terminationGracePeriodSeconds: number;
  readonly containers: Container[];
  readonly volumes: object[];
}

interface Rule {
  readonly ports: { readonly port: number }[];
  readonly to?: Peer[];
  readonly from?: Peer[];
}

interface Peer {
  readonly podSelector?: { readonly matchLabels: Record<string, string> };
  readonly namespaceSelector?: object;
}

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Record<string, string> };
  readonly spec: {
    readonly strategy: object;
    readonly template: { readonly spec: PodSpec };
    readonly clusterIP?: string;
    readonly podSelector: { readonly matchLabels: Record<string, string> };
    readonly ingress?: Rule[];
    readonly egress?: Rule[];
    readonly triggers?: { readonly metadata: Record<string, string> }[];
  };
}

/** `kubernetes/values-<profile>.yaml` through helm; undefined where there is none. */
function rendered(profile: string): Resource[] | undefined {
  const { status, stdout, stderr } = chart('--print', profile);
  if (status === 0)
    return parseAllDocuments(stdout).flatMap((one) => (one.toJS() as Resource) ?? []);
  if (stderr.startsWith('helm is not here')) return undefined;
  throw new Error(stderr);
}

const development = rendered('development');
const withHelm = development ? describe : describe.skip;

withHelm('the chart, where helm is', () => {
  const brokers = rendered('brokers') ?? [];
  const production = rendered('production') ?? [];
  const profiles = { development: development ?? [], brokers, production };

  const of = (resources: readonly Resource[], kind: string, name: string): Resource =>
    resources.find((one) => one.kind === kind && one.metadata.name === `shop-${name}`)!;
  const podOf = (resources: readonly Resource[], name: string): PodSpec =>
    of(resources, 'Deployment', name).spec.template.spec;

  /** As the kubelet fills it in, where each secret is `secret-of-<its key>`. */
  function environmentOf(resources: readonly Resource[], name: string): Record<string, string> {
    const filled: Record<string, string> = {};
    for (const { name: variable, value, valueFrom } of podOf(resources, name).containers[0]!.env) {
      const key = valueFrom?.secretKeyRef?.key;
      const url = `amqp://user:secret@broker.internal`;
      const plain =
        value ?? (key === 'url' ? url : key ? `secret-of-${key}-0123456789` : '10.1.2.3');
      filled[variable] = plain.replace(/\$\((\w+)\)/g, (_, other: string) => filled[other]!);
    }
    return filled;
  }

  describe.each(Object.entries(profiles))('with the values of %s', (_profile, resources) => {
    const running = names.filter((name) => of(resources, 'Deployment', name));

    it('runs every service', () => {
      expect(running).toEqual(expect.arrayContaining(services.map(({ name }) => name)));
    });

    it('lets callers and the console find each service by a name that resolves to its instances', () => {
      const urls = JSON.parse(environmentOf(resources, 'console')['OPERATIONS_URLS']!) as Record<
        string,
        string[]
      >;
      for (const { name } of services) {
        const service = of(resources, 'Service', name);
        expect(service.spec.clusterIP).toBe(name === 'gateway' ? undefined : 'None');
        expect(urls[name]).toEqual([
          `http://shop-${name}:${values.topology[name]!.operationsPort}`,
        ]);
        expect(environmentOf(resources, name)['ALLOWED_HOSTS']!.split(',')).toContain(
          `shop-${name}`,
        );
        expect(environmentOf(resources, name)['CALLS_URL']).toMatch(
          /^grpcs?:\/\/shop-\{owner\}:5000(\?|$)/,
        );
      }
    });

    it('asks health where it is answered, and gives readiness the second that it may take', () => {
      for (const name of running) {
        const { startupProbe, readinessProbe, livenessProbe } = podOf(resources, name)
          .containers[0]!;
        expect(startupProbe.httpGet.path).toBe('/health/live');
        expect(livenessProbe.httpGet.path).toBe('/health/live');
        expect(readinessProbe).toMatchObject({ httpGet: { path: '/health/ready' } });
        expect(readinessProbe.timeoutSeconds).toBeGreaterThan(1);
      }
    });

    it('replaces a service without a gap, and leaves its drain the time it takes', () => {
      for (const { name } of services) {
        const deployment = of(resources, 'Deployment', name);
        expect(deployment.spec.strategy).toMatchObject({ rollingUpdate: { maxUnavailable: 0 } });
        const { terminationGracePeriodSeconds: grace, containers } = podOf(resources, name);
        const wait = containers[0]!.lifecycle!.preStop.sleep.seconds * 1000;
        const { DRAIN_TIMEOUT } = environmentOf(resources, name);
        expect(grace * 1000).toBeGreaterThan(
          wait + milliseconds(DRAIN_TIMEOUT as Duration) + AFTERWARDS,
        );
      }
    });

    it('keeps to the restricted level of pod security, with bounds, without a token of the cluster', () => {
      const pods = resources
        .filter(({ kind }) => ['Deployment', 'Job', 'Pod'].includes(kind))
        .map(({ kind, spec }) =>
          kind === 'Pod' ? (spec as unknown as PodSpec) : spec.template.spec,
        );
      expect(pods.length).toBeGreaterThan(running.length);
      for (const pod of pods) {
        expect(pod.automountServiceAccountToken).toBe(false);
        expect(pod.securityContext).toMatchObject({
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        });
        for (const { securityContext, resources: bounds } of pod.containers) {
          expect(securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            runAsNonRoot: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(Object.keys(bounds.limits)).toEqual(expect.arrayContaining(['cpu', 'memory']));
        }
      }
    });

    it('lets those pods connect that topology.ts connects, and no others', () => {
      const policies = resources.filter(({ kind }) => kind === 'NetworkPolicy');
      const pairs = (direction: 'ingress' | 'egress', end: 'from' | 'to') =>
        policies.flatMap(({ spec }) =>
          (spec[direction] ?? []).flatMap((rule) =>
            (rule[end] ?? []).flatMap(({ podSelector, namespaceSelector }) => {
              const [other, own] = [podSelector?.matchLabels, spec.podSelector.matchLabels].map(
                (labels) => labels?.['app.kubernetes.io/name'],
              );
              if (
                namespaceSelector ||
                !names.includes(other as never) ||
                !names.includes(own as never)
              )
                return [];
              const [client, server] = end === 'to' ? [own, other] : [other, own];
              return rule.ports.map(({ port }) => `${client} > ${server}: ${port}`);
            }),
          ),
        );
      const here = wanted.filter((pair) => running.some((name) => pair.includes(`> ${name}:`)));
      expect([...new Set(pairs('egress', 'to'))].sort()).toEqual(here);
      expect([...new Set(pairs('ingress', 'from'))].sort()).toEqual(
        running.includes('payment-provider') ? wanted : here,
      );
      expect(policies[0]!.spec).toEqual({
        podSelector: { matchLabels: { 'app.kubernetes.io/instance': 'shop' } },
        policyTypes: ['Ingress', 'Egress'],
      });
    });
  });

  it.each(['development', 'production'] as const)(
    'gives each service an environment that fits it, and its own role: %s',
    (profile) => {
      for (const { name } of services) {
        const read = readEnvironment(name, environmentOf(profiles[profile], name));
        const { role, operationsPort } = values.topology[name]!;
        expect(read['DATABASE_URL']).toMatch(`postgres://${role}:secret-of-${role}-0123456789@`);
        expect(read['OPERATIONS_PORT'] ?? read['PORT']).toBe(operationsPort);
      }
    },
  );

  it('has calls made by mutual TLS where a Secret for each is named, and by those of topology.ts only', () => {
    const folder = '/etc/parley/calls';
    for (const { name, answersCalls } of services) {
      expect(environmentOf(development ?? [], name)).not.toHaveProperty('CALLS_ALLOWED');
      const pod = podOf(production, name);
      const environment = environmentOf(production, name);
      expect(environment['CALLS_URL']).toBe(
        `grpcs://shop-{owner}:5000?ca=${folder}/ca.crt&cert=${folder}/tls.crt&key=${folder}/tls.key&clientCa=${folder}/ca.crt`,
      );
      expect(environment).toMatchObject(answersCalls ? callsAllowed(name) : {});
      expect('CALLS_ALLOWED' in environment).toBe(answersCalls);
      expect(pod.volumes).toContainEqual({
        name: 'calls-tls',
        secret: { secretName: `parley-calls-${name}` },
      });
      expect(pod.containers[0]!.volumeMounts).toContainEqual({
        name: 'calls-tls',
        mountPath: folder,
        readOnly: true,
      });
    }
  });

  it('installs the database before the services, or beside them where it is a part of the release', () => {
    const jobs = (resources: readonly Resource[]) => resources.filter(({ kind }) => kind === 'Job');
    expect(jobs(production).map(({ metadata }) => metadata.annotations?.['helm.sh/hook'])).toEqual([
      'pre-install,pre-upgrade',
    ]);
    expect(jobs(brokers).map(({ metadata }) => metadata.annotations)).toEqual([undefined]);
  });

  it('scales each consumer by its subscriptions, and the others by CPU', () => {
    for (const { name } of services) {
      const { subscriptions } = values.topology[name]!;
      const scaled = of(production, 'ScaledObject', name);
      expect(
        (scaled?.spec.triggers ?? []).flatMap(({ metadata }) => metadata['valueLocation'] ?? []),
      ).toEqual(subscriptions.map((one) => `#(subscription=="${one}").waiting`));
      expect(of(production, 'HorizontalPodAutoscaler', name) === undefined).toBe(
        subscriptions.length > 0,
      );
    }
  });

  it('refuses a misspelt value, with a sentence', () => {
    expect(
      chart('--print', 'development', '--set', 'services.orders.replicass=3').stderr,
    ).toContain("at '/services/orders': additional properties 'replicass' not allowed");
    expect(chart('--print', 'production', '--set', 'database.url=').stderr).toContain(
      'database.url is not set: the URL of a PostgreSQL, without user and password',
    );
  });

  it('is reached by an Ingress or a route of the Gateway API, as people choose', () => {
    expect(of(production, 'HTTPRoute', 'gateway')).toBeDefined();
    expect(of(production, 'Ingress', 'gateway')).toBeUndefined();
    const ingress = rendered('ingress') ?? [];
    expect(of(ingress, 'Ingress', 'gateway')).toBeDefined();
    expect(of(ingress, 'HTTPRoute', 'gateway')).toBeUndefined();
  });

  it('holds no password but those that helm makes for development', () => {
    expect(JSON.stringify(production)).not.toMatch(/"kind":"Secret"|:\/\/[^/"]*:[^$/"]+@/);
  });
});
