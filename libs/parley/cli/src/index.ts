export { type Environment, environmentOf } from './config';
export type { Place } from './fleet/connect';
export { type Addresses, type Answer, Fleet, type OperatorRequest } from './fleet/fleet';
export { type SagasFilter, sagasWithDead } from './fleet/stuck-sagas';
export { main, type MainOptions } from './main';
export type { Terminal } from './output/terminal';
export type { Surroundings } from './session';
