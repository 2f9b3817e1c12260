import { interopSuite } from '@parley/conformance/interop';
import { kafka } from './kafka';
import { dropTopicsOf } from './leftovers.fixture';
import { topicOf } from './topology';

const url = process.env.KAFKA_URL ?? '';

for (const kind of ['event', 'command'] as const)
  interopSuite({
    technology: kafka,
    url,
    kind,
    program: 'kafka_program.py',
    at: ({ owner }) => ({ topic: topicOf(kind, owner) }),
    prefix: 'ce_',
    beside: ['key', 'content-type'],
    tidy: (services) => dropTopicsOf(url, services),
  });
