// npm run dashboards: docker/observability and the tables of the documentation, from the series of
// the kit and the tables of alerts and dashboards beside this file.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { stringify } from 'yaml';
import { betweenMarkers } from '../build/between-markers.mjs';
import { compile, isCurrent } from '../build/build.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { topology } from '../topology/topology.mjs';
import { ALERTS, runbookOf } from './alerts.mjs';
import { dashboardJson, DASHBOARDS } from './dashboards.mjs';

/** @import { SeriesInfo } from '../../libs/parley/observability/src/index.js' */

const HOME = 'docker/observability';
const TABLE = 'libs/parley/observability/src/series-table.ts';
const MADE = '# Made by npm run dashboards: change it in tools/observability.\n';

const HELP = `npm run dashboards [-- options]      writes the dashboards and rules of alerts in ${HOME}, and their tables in the documentation

  --check      writes nothing; fails when a file is not as its table (part of npm run lint)
  --help`;

const { values } = commandLine(HELP, { options: { check: { type: 'boolean' } } });

async function seriesTable() {
  if (!isCurrent(TABLE)) await compile(TABLE);
  const file = path.resolve('dist', TABLE.replace(/\.ts$/, '.js'));
  /** @type {{ SERIES: Record<string, SeriesInfo> }} */
  const { SERIES } = createRequire(import.meta.url)(file);
  return SERIES;
}

/** @param {unknown} value */
const yaml = (value) => MADE + stringify(value, { lineWidth: 0 });

function rules() {
  const rules = ALERTS.map((alert) => ({
    alert: alert.name,
    expr: alert.expr,
    ...(alert.for && { for: alert.for }),
    labels: { severity: alert.severity },
    annotations: {
      summary: alert.summary,
      description: `${alert.means} ${alert.todo}`.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'),
      runbook: runbookOf(alert),
    },
  }));
  return yaml({ groups: [{ name: 'parley', rules }] });
}

/** Ports as in compose.yaml: an instance of each address that a name has. */
function prometheus() {
  const inside = topology.filter(({ place }) => place !== 'outside');
  /** @param {(typeof inside)[number]} process */
  const isApart = ({ name, place }) => place === 'edge' || name === 'console';
  /** @param {typeof inside} some @param {number} port */
  const found = (some, port) => ({
    names: some.map(({ name }) => name),
    type: 'A',
    port,
    refresh_interval: '10s',
  });
  return yaml({
    global: { scrape_interval: '15s', evaluation_interval: '15s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [
      {
        job_name: 'parley',
        dns_sd_configs: [
          found(
            inside.filter((process) => !isApart(process)),
            3000,
          ),
          found(inside.filter(isApart), 9000),
        ],
        relabel_configs: [{ source_labels: ['__meta_dns_name'], target_label: 'service' }],
      },
    ],
  });
}

/** @param {Record<string, SeriesInfo>} series */
function seriesRows(series) {
  const rows = Object.entries(series).map(
    ([name, { type, labels, help }]) =>
      `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`,
  );
  return [
    '| name | type | labels | meaning |',
    '|---|---|---|---|',
    ...rows,
    '| `process_*`, `nodejs_*` | | | the process |',
  ].join('\n');
}

const alertRows = () =>
  [
    '| alert | | when |',
    '|---|---|---|',
    ...ALERTS.map(
      (alert) =>
        `| [${alert.name}](alerts.md#${alert.name.toLowerCase()}) | ${alert.severity} | ${alert.when} |`,
    ),
  ].join('\n');

const runbooks = () =>
  ALERTS.map(({ name, severity, when, means, todo }) =>
    [`## ${name}`, '', `${severity}: ${when}.`, '', means, '', `**What to do.** ${todo}`].join(
      '\n',
    ),
  ).join('\n\n');

/**
 * A page with its generated part.
 * @param {string} file
 * @param {string} part
 * @param {string} text
 */
function page(file, part, text) {
  const whole = betweenMarkers(fs.readFileSync(file, 'utf8'), part, text);
  if (whole === undefined) throw new Error(`${file} has no part <!-- ${part}: … -->`);
  return { file, text: whole };
}

const series = await seriesTable();
const files = [
  { file: `${HOME}/rules.yaml`, text: rules() },
  { file: `${HOME}/prometheus.yaml`, text: prometheus() },
  ...DASHBOARDS.map((dashboard) => ({
    file: `${HOME}/dashboards/${dashboard.uid.replace('parley-', '')}.json`,
    text: `${JSON.stringify(dashboardJson(dashboard), null, 2)}\n`,
  })),
  page('libs/parley/observability/README.md', 'series', seriesRows(series)),
  page('docs/operations.md', 'alerts', alertRows()),
  page('docs/alerts.md', 'runbooks', runbooks()),
];
const stale = files.filter(
  ({ file, text }) => !fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text,
);
if (values.check)
  for (const { file } of stale)
    console.error(`${file} is not as its table; run npm run dashboards`);
else
  for (const { file, text } of stale) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
console.log(
  `${Object.keys(series).length} series, ${ALERTS.length} alerts, ${DASHBOARDS.length} dashboards, ${stale.length} ${values.check ? 'problems' : 'written'}`,
);
process.exitCode = values.check && stale.length > 0 ? 1 : 0;
