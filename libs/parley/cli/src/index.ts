export { type Readiness, readinessOf, type State, Status } from './commands/readiness';
export { type Environment, environmentOf } from './config';
export { catalogueOf, KnownContracts } from './fleet/catalogue';
export type { Place } from './fleet/connect';
export { type Addresses, type Answer, Fleet, type OperatorRequest } from './fleet/fleet';
export { deadOfConversation, type SagasFilter, sagasWithDead } from './fleet/stuck-sagas';
export { main, type MainOptions } from './main';
export type { Terminal } from './output/terminal';
export type { Surroundings } from './session';
