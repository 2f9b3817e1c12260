// The alerts, as one table: rules of Prometheus and docs/alerts.md are made from it.

/**
 * @typedef {object} Alert
 * @property {string} name
 * @property {string} expr in PromQL
 * @property {string} [for] how long it must hold; at once without it
 * @property {'critical' | 'warning'} severity critical: messages or calls wait for somebody now
 * @property {string} summary a sentence, with the labels of the series
 * @property {string} when the series and its threshold, for the table in docs/operations.md
 * @property {string} means what has happened
 * @property {string} todo what to do
 */

/** The label of a target, by prometheus.yaml. */
const SERVICE = '{{ $labels.service }}';

/** @type {readonly Alert[]} */
export const ALERTS = [
  {
    name: 'ParleyInstanceDown',
    expr: 'up{job="parley"} == 0',
    for: '1m',
    severity: 'critical',
    summary: `An instance of ${SERVICE} does not answer ({{ $labels.instance }}).`,
    when: '`up{job="parley"}` is 0 for a minute',
    means:
      'Nobody answers at the port of its metrics: the process has ended, hangs, or cannot be reached. Its messages wait, or other instances handle them.',
    todo: '`npm run parley -- status` shows it as silent. Its last log lines say why it ended. One that runs and does not answer has a blocked event loop or too little CPU.',
  },
  {
    name: 'ParleyServiceGone',
    // Discovery by DNS forgets targets that are gone.
    expr: 'group by (service) (last_over_time(up{job="parley"}[1h])) unless group by (service) (up{job="parley"})',
    for: '1m',
    severity: 'critical',
    summary: `No instance of ${SERVICE} is left.`,
    when: '`up{job="parley"}` of a service was there within the hour and is not',
    means: 'Its name has no address any more: all its instances have ended.',
    todo: 'Start it again, or take it out of the deployment on purpose: the alert then ends within the hour. Commands and events for it wait meanwhile.',
  },
  {
    name: 'ParleyIntakeNotConsuming',
    expr: 'parley_intake_consuming == 0',
    for: '1m',
    severity: 'critical',
    summary: `${SERVICE} takes no {{ $labels.kind }}s from {{ $labels.technology }}.`,
    when: '`parley_intake_consuming` is 0 for a minute: a connection is not enough, the intake must consume',
    means: 'The service runs, but gets no messages of this kind. They are stored and wait.',
    todo: '`GET /health/ready` of the instance has the reason: a broker that is away, a queue or topic with other settings, a login that was refused. It goes on by itself once the cause is gone.',
  },
  {
    name: 'ParleySubscriptionPaused',
    expr: 'parley_subscription_paused == 1',
    for: '1m',
    severity: 'critical',
    summary: `${SERVICE} has paused {{ $labels.subscription }}: most of its handlings fail.`,
    when: '`parley_subscription_paused` is 1 for a minute: a dependency of the handlers is down; health has their last error',
    means:
      'At least half of the handlings failed, so the subscription waits and probes with single messages. No retry is used up meanwhile.',
    todo: '`GET /health/ready` has the last error. Repair what the handlers depend on: the subscription resumes with the first success. If every message has failed since a deployment, roll it back ([the circuit breaker](retries-and-dead-letters.md#the-circuit-breaker)).',
  },
  {
    name: 'ParleyHandlersOverdue',
    expr: 'parley_handlings_overdue > 0',
    for: '1m',
    severity: 'warning',
    summary: `{{ $value }} handlers of {{ $labels.subscription }} in ${SERVICE} do not end.`,
    when: '`parley_handlings_overdue` is above 0 for a minute: handlers that do not end',
    means:
      'They are over their timeout and still run. Their messages were or will be delivered again.',
    todo: '`npm run parley -- overdue` names contract, message and handler. Look for a wait without a bound, and pass the `signal` to it; only a restart of the instance removes a handler that still waits ([overdue handlers](operations.md#overdue-handlers)).',
  },
  {
    name: 'ParleyDeadLetters',
    // A counter that appears with 1 has not increased.
    expr: 'increase(parley_dead_letters_total[10m]) > 0 or (parley_dead_letters_total > 0 unless parley_dead_letters_total offset 10m)',
    severity: 'warning',
    summary: `${SERVICE} has new dead letters of {{ $labels.contract }} in {{ $labels.subscription }}.`,
    when: '`parley_dead_letters_total` has risen within 10 minutes: an operator has to look',
    means:
      'Messages failed in every try and are kept with their error. Later messages of the same key wait behind them.',
    todo: '`npm run parley -- dead-letters list --groups` shows the causes. Remove the cause, then replay, edit or discard ([dead letters](retries-and-dead-letters.md#dead-letters)).',
  },
  {
    name: 'ParleyOutboxStuck',
    expr: 'parley_outbox_oldest_seconds > 30',
    for: '1m',
    severity: 'critical',
    summary: `${SERVICE} has stored messages that are not published; the oldest is due for {{ $value | humanizeDuration }}.`,
    when: '`parley_outbox_oldest_seconds` is above 30 for a minute: stored, but not published',
    means:
      'What the service sent is in its database, and its technology does not take it. Nothing is lost; the receivers wait.',
    todo: '`GET /health/ready` and the log of the service name the technology and its error. It is published by itself once the technology is back. Messages that are refused for what they are become dead letters of `<service>.outbox`.',
  },
  {
    name: 'ParleyBacklogGrows',
    expr: 'max by (service, subscription) (parley_backlog_messages{state="waiting"}) > 1000 and deriv(max by (service, subscription) (parley_backlog_messages{state="waiting"})[15m:1m]) > 0',
    for: '15m',
    severity: 'warning',
    summary: `{{ $value }} messages wait for {{ $labels.subscription }} of ${SERVICE}, and there are more and more.`,
    when: '`parley_backlog_messages{state="waiting"}` is above 1,000 and keeps growing for 15 minutes',
    means: 'Messages come faster than they are handled.',
    todo: 'The dashboard of the subscription shows whether more come or each takes longer. More instances or a higher concurrency (`npm run parley -- concurrency`) help where the handlers wait; nothing but faster handlers helps where one key has all the messages.',
  },
  {
    name: 'ParleyMessagesLate',
    expr: 'histogram_quantile(0.95, sum by (service, subscription, le) (rate(parley_message_lag_seconds_bucket{kind="event"}[10m]))) > 60',
    for: '10m',
    severity: 'warning',
    summary: `Events reach {{ $labels.subscription }} of ${SERVICE} late: one in twenty after {{ $value | humanizeDuration }} or more.`,
    when: 'the 95th percentile of `parley_message_lag_seconds` of events is above 60 for 10 minutes',
    means:
      'The time from sending to the end of handling is more than a minute for one event in twenty: the subscription is behind, or its messages are retried.',
    todo: 'A subscription that reads the log from its beginning is late for as long as it takes, and needs nothing. Otherwise do what is said of ParleyBacklogGrows, and look at the retries.',
  },
  {
    name: 'ParleyCallInstanceEjected',
    expr: 'parley_call_instances{state="ejected"} > 0',
    for: '5m',
    severity: 'warning',
    summary: `${SERVICE} leaves out an instance of {{ $labels.owner }}, which fails much more often than the others.`,
    when: '`parley_call_instances{state="ejected"}` is above 0 for 5 minutes: one instance of that owner is sick, its log says why; `explain` names it',
    means: 'Calls go to the other instances. The sick one is tried again from time to time.',
    todo: '`npm run parley -- explain <contract>` names the instance, its log says what fails there. Restart it, or roll its deployment back.',
  },
  {
    name: 'ParleyCircuitOpen',
    expr: 'parley_call_circuit_open == 1',
    for: '1m',
    severity: 'critical',
    summary: `${SERVICE} refuses calls of {{ $labels.contract }}, because nearly all of them failed.`,
    when: '`parley_call_circuit_open` is 1 for a minute',
    means:
      'Callers get an error at once, or the fallback of the contract, while single calls try whether the owner answers again.',
    todo: 'Look at the owner: is it up, is it ready, does it answer within the deadline? The circuit closes by itself ([resilience of calls](resilience.md)).',
  },
  {
    name: 'ParleyCallsFail',
    expr: 'sum by (service, contract) (rate(parley_calls_total{side="caller",outcome=~"[A-Z].*|circuit-open|bulkhead-full|overloaded|unhandled|invalid-reply"}[5m])) / sum by (service, contract) (rate(parley_calls_total{side="caller"}[5m])) > 0.05',
    for: '5m',
    severity: 'critical',
    summary: `{{ $value | humanizePercentage }} of the calls of {{ $labels.contract }} by ${SERVICE} fail.`,
    when: 'more than 5 % of `parley_calls_total{side="caller"}` of a contract fail for 5 minutes; errors of the contract itself do not count',
    means:
      'Calls ended by their deadline, found no instance, were refused under overload, or their handler failed.',
    todo: 'The dashboard of calls shows the outcomes by name: a deadline or no instance speaks of the owner’s health, `overloaded` of too much load, `unhandled` of an error in its handler, which its log has.',
  },
];

/** @param {Alert} alert */
export const runbookOf = ({ name }) => `docs/alerts.md#${name.toLowerCase()}`;
