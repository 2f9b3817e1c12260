// The dashboards of Grafana, as JSON that it provisions.

/** @typedef {{ title: string, expr: string | readonly [legend: string, expr: string][], unit?: string, legend?: string, description?: string, kind?: 'timeseries' | 'stat' | 'table', width?: number, max?: number }} Panel */
/** @typedef {{ name: string, label: string, query: string, multi?: boolean }} Variable */
/** @typedef {{ uid: string, title: string, description: string, variables: readonly Variable[], rows: readonly { title: string, panels: readonly Panel[] }[] }} Dashboard */

const RATE = '$__rate_interval';
/** @param {number} quantile @param {string} series @param {string} [by] */
const quantile = (quantile, series, by = '') =>
  `histogram_quantile(${quantile}, sum by (${by}le) (rate(${series}[${RATE}])))`;
const HANDLED = '{service=~"$service",subscription=~"$subscription",contract=~"$contract"}';
const WAITING = '{service=~"$service",subscription=~"$subscription"}';

/** @type {readonly Dashboard[]} */
export const DASHBOARDS = [
  {
    uid: 'parley-services',
    title: 'Parley: all services',
    description: 'Is everything well, and if not, where?',
    variables: [],
    rows: [
      {
        title: 'Now',
        panels: [
          {
            title: 'Instances that answer',
            kind: 'stat',
            expr: 'sum by (service) (up{job="parley"})',
            legend: '{{service}}',
            width: 12,
          },
          {
            title: 'Alerts',
            kind: 'table',
            expr: 'ALERTS{alertstate="firing",alertname=~"Parley.*"}',
            width: 12,
          },
        ],
      },
      {
        title: 'Messages',
        panels: [
          {
            title: 'Handled',
            unit: 'cps',
            expr: `sum by (service) (rate(parley_messages_handled_total[${RATE}]))`,
            legend: '{{service}}',
          },
          {
            title: 'From sending to handled, 95th percentile',
            unit: 's',
            expr: quantile(0.95, 'parley_message_lag_seconds_bucket', 'service, '),
            legend: '{{service}}',
            description: 'Commands with a delay count it, too.',
          },
          {
            title: 'Waiting',
            expr: 'max by (service, subscription) (parley_backlog_messages{state="waiting"})',
            legend: '{{subscription}}',
          },
          {
            title: 'New dead letters',
            expr: `sum by (service) (increase(parley_dead_letters_total[${RATE}]))`,
            legend: '{{service}}',
          },
          {
            title: 'Further tries',
            unit: 'cps',
            expr: `sum by (service) (rate(parley_message_redeliveries_total[${RATE}]))`,
            legend: '{{service}}',
          },
          {
            title: 'Broadcasts missed',
            expr: `sum by (service, contract) (increase(parley_broadcasts_missed_total[${RATE}]))`,
            legend: '{{service}} {{contract}}',
          },
        ],
      },
      {
        title: 'Sending',
        panels: [
          {
            title: 'Published by the outbox',
            unit: 'cps',
            expr: `sum by (service) (rate(parley_messages_relayed_total[${RATE}]))`,
            legend: '{{service}}',
          },
          {
            title: 'Waiting in the outbox',
            expr: 'max by (service) (parley_outbox_waiting)',
            legend: '{{service}}',
          },
          {
            title: 'Oldest in the outbox',
            unit: 's',
            expr: 'max by (service) (parley_outbox_oldest_seconds)',
            legend: '{{service}}',
          },
        ],
      },
      {
        title: 'Health',
        panels: [
          {
            title: 'Intakes that take nothing',
            expr: 'count by (service, kind, technology) (parley_intake_consuming == 0)',
            legend: '{{service}} {{kind}} {{technology}}',
          },
          {
            title: 'Subscriptions paused',
            expr: 'max by (service, subscription) (parley_subscription_paused)',
            legend: '{{subscription}}',
          },
          {
            title: 'Handlers overdue',
            expr: 'sum by (service, subscription) (parley_handlings_overdue)',
            legend: '{{subscription}}',
          },
          {
            title: 'Memory',
            unit: 'bytes',
            expr: 'max by (service) (process_resident_memory_bytes{job="parley"})',
            legend: '{{service}}',
          },
          {
            title: 'CPU',
            unit: 'percentunit',
            expr: `sum by (service) (rate(process_cpu_seconds_total{job="parley"}[${RATE}]))`,
            legend: '{{service}}',
          },
          {
            title: 'Event loop, 99th percentile of its delay',
            unit: 's',
            expr: 'max by (service) (nodejs_eventloop_lag_p99_seconds{job="parley"})',
            legend: '{{service}}',
          },
        ],
      },
    ],
  },
  {
    uid: 'parley-subscription',
    title: 'Parley: a subscription, a contract',
    description: 'How one subscription handles its messages, or one contract is handled.',
    variables: [
      {
        name: 'service',
        label: 'Service',
        query: 'label_values(parley_messages_handled_total, service)',
      },
      {
        name: 'subscription',
        label: 'Subscription',
        query: 'label_values(parley_messages_handled_total{service=~"$service"}, subscription)',
      },
      {
        name: 'contract',
        label: 'Contract',
        query:
          'label_values(parley_messages_handled_total{service=~"$service",subscription=~"$subscription"}, contract)',
      },
    ],
    rows: [
      {
        title: 'Handling',
        panels: [
          {
            title: 'Outcomes',
            unit: 'cps',
            expr: `sum by (outcome) (rate(parley_messages_handled_total${HANDLED}[${RATE}]))`,
            legend: '{{outcome}}',
          },
          {
            title: 'By contract',
            unit: 'cps',
            expr: `sum by (contract) (rate(parley_messages_handled_total${HANDLED}[${RATE}]))`,
            legend: '{{contract}}',
          },
          {
            title: 'By instance',
            unit: 'cps',
            expr: `sum by (instance) (rate(parley_messages_handled_total${HANDLED}[${RATE}]))`,
            legend: '{{instance}}',
          },
          {
            title: 'Time of a handling',
            unit: 's',
            expr: [
              ['half', quantile(0.5, `parley_message_handling_seconds_bucket${HANDLED}`)],
              ['95 %', quantile(0.95, `parley_message_handling_seconds_bucket${HANDLED}`)],
              ['99 %', quantile(0.99, `parley_message_handling_seconds_bucket${HANDLED}`)],
            ],
          },
          {
            title: 'From sending to handled',
            unit: 's',
            expr: [
              ['half', quantile(0.5, `parley_message_lag_seconds_bucket${HANDLED}`)],
              ['95 %', quantile(0.95, `parley_message_lag_seconds_bucket${HANDLED}`)],
              ['99 %', quantile(0.99, `parley_message_lag_seconds_bucket${HANDLED}`)],
            ],
          },
          {
            title: 'Further tries',
            unit: 'cps',
            expr: `sum by (contract) (rate(parley_message_redeliveries_total${HANDLED}[${RATE}]))`,
            legend: '{{contract}}',
          },
        ],
      },
      {
        title: 'Waiting',
        panels: [
          {
            title: 'Backlog',
            expr: `max by (state) (parley_backlog_messages${WAITING})`,
            legend: '{{state}}',
            description: 'Parked and dead events are not counted.',
          },
          {
            title: 'New dead letters',
            expr: `sum by (contract) (increase(parley_dead_letters_total${HANDLED}[${RATE}]))`,
            legend: '{{contract}}',
          },
          {
            title: 'Paused, overdue',
            expr: [
              ['paused', `max(parley_subscription_paused${WAITING})`],
              ['overdue', `sum(parley_handlings_overdue${WAITING})`],
            ],
          },
        ],
      },
    ],
  },
  {
    uid: 'parley-calls',
    title: 'Parley: calls',
    description: 'Calls as callers see them, and as owners answer them.',
    variables: [
      { name: 'contract', label: 'Contract', query: 'label_values(parley_calls_total, contract)' },
    ],
    rows: [
      {
        title: 'Callers',
        panels: [
          {
            title: 'Outcomes',
            unit: 'cps',
            expr: `sum by (outcome) (rate(parley_calls_total{side="caller",contract=~"$contract"}[${RATE}]))`,
            legend: '{{outcome}}',
          },
          {
            title: 'Failed',
            unit: 'percentunit',
            max: 1,
            expr: `sum by (service, contract) (rate(parley_calls_total{side="caller",outcome!="ok",contract=~"$contract"}[${RATE}])) / sum by (service, contract) (rate(parley_calls_total{side="caller",contract=~"$contract"}[${RATE}]))`,
            legend: '{{service}} {{contract}}',
            description: 'Errors of the contract itself count.',
          },
          {
            title: 'Time of a call, 95th percentile',
            unit: 's',
            expr: quantile(
              0.95,
              'parley_call_seconds_bucket{side="caller",contract=~"$contract"}',
              'service, contract, ',
            ),
            legend: '{{service}} {{contract}}',
          },
          {
            title: 'Retries and hedges',
            unit: 'cps',
            expr: `sum by (contract, why) (rate(parley_call_further_requests_total{contract=~"$contract"}[${RATE}]))`,
            legend: '{{contract}} {{why}}',
          },
          {
            title: 'Circuits',
            max: 1,
            expr: 'max by (service, contract) (parley_call_circuit_open{contract=~"$contract"})',
            legend: '{{service}} {{contract}}',
            description: '1 open, 0.5 half-open, 0 closed',
          },
          {
            title: 'Instances',
            expr: 'max by (service, owner, state) (parley_call_instances)',
            legend: '{{service}} → {{owner}} {{state}}',
          },
        ],
      },
      {
        title: 'Owners',
        panels: [
          {
            title: 'Answers',
            unit: 'cps',
            expr: `sum by (outcome) (rate(parley_calls_total{side="owner",contract=~"$contract"}[${RATE}]))`,
            legend: '{{outcome}}',
          },
          {
            title: 'Time to answer, 95th percentile',
            unit: 's',
            expr: quantile(
              0.95,
              'parley_call_seconds_bucket{side="owner",contract=~"$contract"}',
              'contract, ',
            ),
            legend: '{{contract}}',
          },
          {
            title: 'Under way, and the limit',
            expr: [
              [
                '{{contract}}',
                'sum by (contract) (parley_calls_in_flight{side="owner",contract=~"$contract"})',
              ],
              [
                '{{contract}} at most',
                'sum by (contract) (parley_call_limit{contract=~"$contract"})',
              ],
            ],
          },
        ],
      },
    ],
  },
];

const SOURCE = { type: 'prometheus', uid: '${source}' };
const [COLUMNS, WIDTH, HEIGHT] = [24, 8, 8];

/** @param {Dashboard} dashboard */
export function dashboardJson({ uid, title, description, variables, rows }) {
  return {
    uid,
    title,
    description,
    tags: ['parley'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    links: [
      {
        type: 'dashboards',
        title: 'Parley',
        tags: ['parley'],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    templating: {
      list: [
        { name: 'source', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        ...variables.map(variable),
      ],
    },
    panels: placed(rows),
  };
}

/** @param {Variable} variable */
const variable = ({ name, label, query }) => ({
  name,
  label,
  type: 'query',
  datasource: SOURCE,
  query: { query, refId: name },
  definition: query,
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { selected: true, text: ['All'], value: ['$__all'] },
});

/** @param {Dashboard['rows']} rows */
function placed(rows) {
  let [id, y] = [0, 0];
  return rows.flatMap(({ title, panels }) => {
    const heading = {
      id: ++id,
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y: y++, w: COLUMNS, h: 1 },
    };
    let x = 0;
    const shown = panels.map((one) => {
      const { width = WIDTH } = one;
      if (x + width > COLUMNS) [x, y] = [0, y + HEIGHT];
      const made = panel(++id, one, { x, y, w: width, h: HEIGHT });
      x += width;
      return made;
    });
    y += HEIGHT;
    return [heading, ...shown];
  });
}

/**
 * @param {number} id
 * @param {Panel} panel
 * @param {{ x: number, y: number, w: number, h: number }} gridPos
 */
function panel(
  id,
  { title, description, kind = 'timeseries', expr, legend, unit = 'short', max },
  gridPos,
) {
  const queries = typeof expr === 'string' ? [/** @type {const} */ ([legend ?? '', expr])] : expr;
  return {
    id,
    type: kind,
    title,
    ...(description && { description }),
    datasource: SOURCE,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0, ...(max !== undefined && { max }) }, overrides: [] },
    options:
      kind === 'timeseries'
        ? {
            legend: { displayMode: 'list', placement: 'bottom' },
            tooltip: { mode: 'multi', sort: 'desc' },
          }
        : {},
    targets: queries.map(([legendFormat, query], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: SOURCE,
      expr: query,
      ...(legendFormat && { legendFormat }),
      ...(kind === 'timeseries' ? {} : { instant: true }),
      ...(kind === 'table' && { format: 'table' }),
    })),
  };
}

/** Every query of a dashboard, those of its variables too. @param {Dashboard} dashboard */
export const queriesOf = ({ rows, variables }) => [
  ...variables.map(({ query }) => query),
  ...rows.flatMap(({ panels }) =>
    panels.flatMap(({ expr }) =>
      typeof expr === 'string' ? [expr] : expr.map(([, query]) => query),
    ),
  ),
];
