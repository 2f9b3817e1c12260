export { postgresUrl } from './address';
export { install, type ServiceRole } from './install';
export { PoolerError } from './connection/pooler';
export { postgres } from './postgres';
export { prepareSession } from './connection/session';
export { PostgresStore, type PostgresStoreOptions } from './store/store';
