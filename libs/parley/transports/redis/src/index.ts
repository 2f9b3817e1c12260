export { RedisUnavailableError } from './address';
export { redis } from './redis';
