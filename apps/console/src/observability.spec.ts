import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller } from '@nestjs/common';
import { broadcast, call, command, event } from '@parley/contract';
import { Handles, Messaging, Subscription, UnrecoverableError } from '@parley/messaging';
import { Metrics, SERIES, type SeriesInfo } from '@parley/observability';
import { Harness } from '@parley/testing';
import type { Gauge } from 'prom-client';
import { parse } from 'yaml';
import { z } from 'zod';

const ROOT = join(__dirname, '../../..');
const HOME = join(ROOT, 'docker/observability');
const read = (file: string): string => readFileSync(join(HOME, file), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook', string>>;
}
interface Target {
  readonly expr: string;
  readonly legendFormat?: string;
}
interface Dashboard {
  readonly title: string;
  readonly panels: readonly { readonly title: string; readonly targets?: readonly Target[] }[];
  readonly templating: { readonly list: readonly { readonly definition?: string }[] };
}

const { rules } = (parse(read('rules.yaml')) as { groups: [{ rules: Rule[] }] }).groups[0];
const dashboards = readdirSync(join(HOME, 'dashboards')).map(
  (file) => JSON.parse(read(`dashboards/${file}`)) as Dashboard,
);

/** A query with the texts that show its labels. */
type Query = readonly [where: string, expr: string, shown: string];
const queries: readonly Query[] = [
  ...rules.map(({ alert, expr, annotations: { summary } }): Query => [alert, expr, summary]),
  ...dashboards.flatMap(({ title, panels, templating }) => [
    ...panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr, legendFormat = '' }): Query => [
        `${title}, ${panel.title}`,
        expr,
        legendFormat,
      ]),
    ),
    ...templating.list.flatMap(({ definition }): Query[] =>
      definition === undefined ? [] : [[`${title}, a variable`, definition, '']],
    ),
  ]),
];

/** Labels that Prometheus gives to every series of a target. */
const OF_TARGETS = ['job', 'instance', 'service'];
/** Series that Prometheus makes itself. */
const OF_PROMETHEUS: Readonly<Record<string, readonly string[]>> = {
  up: [],
  ALERTS: ['alertname', 'alertstate'],
};
const SELECTOR = /\b(parley_\w+|process_\w+|nodejs_\w+|up|ALERTS)\b(?:\{([^}]*)\})?/g;

const Item = z.object({ item: z.string() });
const Pick = command('attic.pick-item', Item, { key: 'item' });
const Picked = event('attic.item-picked', Item, { key: 'item' });
const Rang = broadcast('attic.bell-rang', Item);
const Ask = call('attic.ask-item', { request: Item, reply: Item });

@Controller()
@Subscription('attic.shelf')
class Attic {
  @Handles(Pick)
  pick({ item }: { item: string }): void {
    if (item === 'dust') throw new UnrecoverableError('nobody wants it');
  }

  @Handles(Picked)
  picked(): void {}

  @Handles(Rang)
  rang(): void {}

  @Handles(Ask)
  ask(item: { item: string }) {
    return item;
  }
}

/** The labels of every series of a service that has handled one message of each kind. */
const registered = new Map<string, Set<string>>();

beforeAll(async () => {
  const metrics = new Metrics();
  const harness = new Harness({ observer: metrics.observer });
  const attic = await harness.start('attic', { controllers: [Attic] });
  metrics.measure(attic.get(Messaging).introspection);
  for (const item of ['lamp', 'dust']) await harness.send(Pick, { item });
  await harness.publish(Picked, { item: 'lamp' });
  await harness.broadcast(Rang, { item: 'lamp' });
  await harness.call(Ask, { item: 'lamp' });
  metrics.observer.missed!(Rang.name, 1);
  metrics.observer.calledAgain!(Ask.name, 'retry');
  metrics.observer.sent!({
    technology: 'memory',
    messages: [{ contract: Picked }],
    milliseconds: 1,
    error: 'NotStoredError',
  } as never);
  await harness.settled();
  await metrics.text();
  for (const { name, values } of await metrics.registry.getMetricsAsJSON()) {
    const { labelNames = [] } = metrics.registry.getSingleMetric(name) as Gauge & {
      labelNames?: string[];
    };
    for (const { metricName = name, labels } of values as SampleOf[])
      note(metricName, Object.keys(labels));
    note(name, labelNames);
  }
  await harness.close();
});

interface SampleOf {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, unknown>>;
}

function note(name: string, labels: readonly string[]): void {
  registered.set(name, new Set([...(registered.get(name) ?? []), ...labels]));
}

describe('the table of series', () => {
  it.each(Object.entries<SeriesInfo>(SERIES))(
    'has %s as the registry of a service has it',
    (name, { type, labels }) => {
      const shown = registered.get(type === 'histogram' ? `${name}_count` : name);
      expect([...(shown ?? ['nothing'])].sort()).toEqual([...labels].sort());
    },
  );

  it('has every series of the kit', () => {
    const known = [...registered.keys()].filter((name) => /^(?:parley|messaging|rpc)_/.test(name));
    const named = known.map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
    expect([...new Set(named)].sort()).toEqual(Object.keys(SERIES).sort());
  });
});

describe('dashboards and alerts', () => {
  it.each(queries)(
    '%s: asks for series that a service has, by labels that they have',
    (_, expr, shown) => {
      const selectors = [...expr.matchAll(SELECTOR)];
      expect(selectors.length).toBeGreaterThan(0);
      const all = new Set(OF_TARGETS);
      for (const [, name = '', matchers = ''] of selectors) {
        const labels = OF_PROMETHEUS[name] ?? [...(registered.get(name) ?? ['no such series'])];
        expect(labels).not.toEqual(['no such series']);
        const asked = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label);
        expect([...labels, ...OF_TARGETS]).toEqual(expect.arrayContaining(asked));
        for (const label of labels) all.add(label);
      }
      const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].map(([, names = '']) =>
        names.split(',').map((name) => name.trim()),
      );
      expect([...all]).toEqual(expect.arrayContaining(kept.flat()));
      const told = [...shown.matchAll(/\{\{\s*(?:\$labels\.)?([a-z]\w*)\s*\}\}/g)].map(
        ([, name]) => name,
      );
      expect(kept.length > 0 ? kept.flat() : [...all]).toEqual(expect.arrayContaining(told));
    },
  );

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s says what has happened, and where it is said what to do',
    (alert, { annotations: { summary, description, runbook } }) => {
      expect(summary).toMatch(/^(?:[A-Z]|\{\{).*\.$/);
      expect(description).toMatch(/^[A-Z].*\.$/);
      expect(runbook).toBe(`docs/alerts.md#${alert.toLowerCase()}`);
      expect(readFileSync(join(ROOT, 'docs/alerts.md'), 'utf8')).toContain(`\n## ${alert}\n`);
    },
  );
});

const promtool = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
};
const offersPromtool = promtool('--version').status === 0;
const skipped = offersPromtool
  ? ''
  : ' (not tried: promtool is not installed; apt-get install prometheus)';

(offersPromtool ? describe : describe.skip)(`Prometheus${skipped}`, () => {
  it('takes the rules and the targets', () => {
    expect(promtool('check', 'rules', join(HOME, 'rules.yaml'))).toMatchObject({ status: 0 });
    expect(promtool('check', 'config', join(HOME, 'prometheus.yaml'))).toMatchObject({ status: 0 });
  });

  it('fires each alert when it should, and not before', () => {
    const { status, said } = promtool('test', 'rules', join(HOME, 'rules.test.yaml'));
    expect([status, said]).toEqual([0, expect.stringContaining('SUCCESS')]);
    for (const { alert } of rules)
      expect([alert, read('rules.test.yaml').includes(alert)]).toEqual([alert, true]);
  });

  it('understands the queries of the dashboards', () => {
    const folder = mkdtempSync(join(tmpdir(), 'parley-queries-'));
    const asked = queries.filter(([, expr]) => !expr.startsWith('label_values('));
    const records = asked.map(([, expr], index) => ({
      record: `query:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
    }));
    const file = join(folder, 'queries.yaml');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules: records }] }));
    expect(promtool('check', 'rules', file)).toMatchObject({ status: 0 });
    rmSync(folder, { recursive: true });
  });
});
