export { postgresUrl } from './address';
export { install } from './install';
export { installationSql, type ServiceRole } from './installation-sql';
export { type PatienceOptions, withPatience } from './patience';
export { PoolerError } from './connection/pooler';
export { postgres } from './postgres';
export { prepareSession } from './connection/session';
export { PostgresStore, type PostgresStoreOptions } from './store/store';
