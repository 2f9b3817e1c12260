export { interopSuite, type ForeignUse } from './interop-suite';
