import * as published from '@opentelemetry/semantic-conventions/incubating';
import { ERROR_TYPE, HTTP, MESSAGING, RPC, systemOf } from './conventions';
import { SERIES } from './series-table';

const names = new Set<unknown>(Object.values(published));

test.each([MESSAGING, RPC, HTTP, { ERROR_TYPE }].flatMap((group) => Object.values(group)))(
  '%s is a name of the conventions',
  (name) => expect(names).toContain(name),
);

test.each(['kafka', 'rabbitmq', 'activemq', 'sqs'])('%s has the name of the conventions', (name) =>
  expect(names).toContain(systemOf(name)),
);

/** As Prometheus has the names: without dots, a metric's unit behind it. */
const inPrometheus = new Set([...names].map((name) => String(name).replaceAll('.', '_')));
const theirs = Object.entries(SERIES).filter(([name]) => !name.startsWith('parley_'));

test.each(theirs)('%s and its labels are names of the conventions', (name, { labels }) => {
  for (const one of [name.replace(/_(?:total|seconds)$/, ''), ...labels])
    expect(inPrometheus).toContain(one);
});
