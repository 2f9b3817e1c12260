import { interopSuite } from '@parley/conformance/interop';
import { redis } from './redis';

const url = process.env.REDIS_URL ?? '';

interopSuite({
  technology: redis,
  url,
  kind: 'broadcast',
  program: 'redis_program.py',
  at: ({ name }) => ({ channel: `parley.${name}` }),
  prefix: '',
});
