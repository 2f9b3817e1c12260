export { callSuite } from './call';
export { commandSuite } from './command';
export { broadcastSuite } from './broadcast';
export { eventSuite } from './event';
export { type Feature, type Features, type Fixture, type Place, type Way } from './fixture';
export { linkedTechnology, MemoryDatabases, MemoryLink } from './memory-place';
export { promises, promisesOf, type PromiseId } from './promises';
export { Road } from './road';
export { storesSuite } from './stores';
