/** A series of the kit, as `/metrics` shows it. */
export interface SeriesInfo {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

const HANDLING_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const LAG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600];
/** Those that OpenTelemetry's conventions recommend. */
const OPERATION_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

const HANDLED = ['kind', 'contract', 'subscription'] as const;
const OPERATION = ['messaging_operation_name', 'messaging_system'] as const;
const PROCESSED = [
  ...OPERATION,
  'messaging_destination_name',
  'messaging_consumer_group_name',
] as const;
const CALLED = ['rpc_system_name', 'rpc_method'] as const;

/**
 * Every series of the kit. Metrics are made from this table, and so are the documentation, the
 * dashboards and the rules of alerts.
 */
export const SERIES = {
  parley_messages_handled_total: {
    type: 'counter',
    labels: [...HANDLED, 'outcome'],
    help: 'Deliveries by what became of them: done, duplicate, retry, dead, parked, return',
  },
  parley_message_handling_seconds: {
    type: 'histogram',
    labels: HANDLED,
    help: 'Time a delivery took, its immediate retries included',
    buckets: HANDLING_SECONDS,
  },
  parley_message_lag_seconds: {
    type: 'histogram',
    labels: HANDLED,
    help: 'Time from when a message was sent to the end of its handling',
    buckets: LAG_SECONDS,
  },
  parley_message_redeliveries_total: {
    type: 'counter',
    labels: HANDLED,
    help: 'Handlings beyond the first of a message, immediate and delayed',
  },
  parley_dead_letters_total: {
    type: 'counter',
    labels: HANDLED,
    help: 'Messages that became dead letters',
  },
  parley_calls_total: {
    type: 'counter',
    labels: ['side', 'contract', 'outcome'],
    help: 'Calls by side (caller, owner) and outcome',
  },
  parley_call_seconds: {
    type: 'histogram',
    labels: ['side', 'contract'],
    help: 'Time a call took',
    buckets: HANDLING_SECONDS,
  },
  parley_call_further_requests_total: {
    type: 'counter',
    labels: ['contract', 'why'],
    help: 'Requests of calls that were sent once more: retry, hedge',
  },
  parley_calls_in_flight: {
    type: 'gauge',
    labels: ['side', 'contract'],
    help: 'Calls under way by side (caller, owner)',
  },
  parley_call_limit: {
    type: 'gauge',
    labels: ['contract'],
    help: 'Calls of a contract that this process answers at the same time at most',
  },
  parley_call_circuit_open: {
    type: 'gauge',
    labels: ['contract'],
    help: 'Whether calls are refused because nearly all failed: 1 open, 0.5 half-open, 0 closed',
  },
  parley_call_instances: {
    type: 'gauge',
    labels: ['owner', 'state'],
    help: 'Instances of an owner that is called, by state: in use, left out (not reached), ejected (fails much more often than the others)',
  },
  parley_messages_relayed_total: {
    type: 'counter',
    labels: [],
    help: 'Messages the outbox handed to a technology',
  },
  parley_outbox_waiting: {
    type: 'gauge',
    labels: [],
    help: 'Messages in the outbox, not yet relayed',
  },
  parley_outbox_oldest_seconds: {
    type: 'gauge',
    labels: [],
    help: 'How long the oldest due message in the outbox waits',
  },
  parley_backlog_messages: {
    type: 'gauge',
    labels: ['subscription', 'state'],
    help: 'Messages of a subscription by what they wait for: waiting, parked, delayed, dead',
  },
  parley_intake_consuming: {
    type: 'gauge',
    labels: ['kind', 'technology'],
    help: 'Whether an intake takes messages (1) or not (0)',
  },
  parley_subscription_paused: {
    type: 'gauge',
    labels: ['kind', 'subscription'],
    help: 'Whether a subscription waits because most of its handlings failed; absent when not',
  },
  parley_handlings_overdue: {
    type: 'gauge',
    labels: ['kind', 'subscription'],
    help: 'Handlings over their timeout and still running, those of calls by contract; absent when none',
  },
  parley_broadcasts_missed_total: {
    type: 'counter',
    labels: ['contract'],
    help: 'Broadcasts of other instances that have not arrived here 10 s after a later one did, told by the gaps in their numbers; counted when the next broadcast arrives',
  },
  messaging_client_sent_messages_total: {
    type: 'counter',
    labels: [...OPERATION, 'messaging_destination_name', 'error_type'],
    help: 'Messages that were handed to a technology',
  },
  messaging_client_operation_duration_seconds: {
    type: 'histogram',
    labels: [...OPERATION, 'error_type'],
    help: 'Time in which a technology took messages, one or several at once',
    buckets: OPERATION_SECONDS,
  },
  messaging_client_consumed_messages_total: {
    type: 'counter',
    labels: [...PROCESSED, 'error_type'],
    help: 'Messages that were delivered',
  },
  messaging_process_duration_seconds: {
    type: 'histogram',
    labels: PROCESSED,
    help: 'Time a delivery took, its immediate retries included',
    buckets: HANDLING_SECONDS,
  },
  rpc_client_call_duration_seconds: {
    type: 'histogram',
    labels: CALLED,
    help: 'Time a call took, at its caller',
    buckets: HANDLING_SECONDS,
  },
  rpc_server_call_duration_seconds: {
    type: 'histogram',
    labels: CALLED,
    help: 'Time a call took, at its owner',
    buckets: HANDLING_SECONDS,
  },
} as const satisfies Readonly<Record<string, SeriesInfo>>;

type SeriesName = keyof typeof SERIES;
/** The names of the labels of a series. */
export type LabelOf<N extends SeriesName> = (typeof SERIES)[N]['labels'][number];
/** The names of all series of a type. */
export type SeriesOf<T extends SeriesInfo['type']> = {
  [N in SeriesName]: (typeof SERIES)[N]['type'] extends T ? N : never;
}[SeriesName];
