export { RedisUnavailable } from './address';
export { NotSaid } from './publisher';
export { redis } from './redis';
