import * as published from '@opentelemetry/semantic-conventions/incubating';
import { ERROR_TYPE, HTTP, MESSAGING, METRICS, RPC, systemOf } from './conventions';

const names = new Set<unknown>(Object.values(published));

test.each([MESSAGING, RPC, HTTP, METRICS, { ERROR_TYPE }].flatMap((group) => Object.values(group)))(
  '%s is a name of the conventions',
  (name) => expect(names).toContain(name),
);

test.each(['kafka', 'rabbitmq', 'activemq', 'sqs'])('%s has the name of the conventions', (name) =>
  expect(names).toContain(systemOf(name)),
);
