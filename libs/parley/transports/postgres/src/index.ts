export { postgresUrl } from './address';
export { install, type ServiceRole } from './install';
export { PoolerError } from './pooler';
export { postgres } from './postgres';
export { prepareSession } from './session';
export { PostgresStore, type PostgresStoreOptions } from './store';
