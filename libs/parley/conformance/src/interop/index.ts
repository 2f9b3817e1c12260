export { foreignSuite, type ForeignUse } from './interop-suite';
