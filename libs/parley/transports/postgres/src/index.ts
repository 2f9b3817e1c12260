export { postgresUrl } from './address';
export { install, type ServiceRole } from './install';
export { postgres } from './postgres';
export { PostgresStore, type PostgresStoreOptions } from './store';
