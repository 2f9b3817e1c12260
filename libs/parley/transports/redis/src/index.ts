export { RedisUnavailableError } from './address';
export { NotPublishedError } from './publisher';
export { redis } from './redis';
