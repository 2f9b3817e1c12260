export { foreignSuite, type ForeignUse } from './foreign-suite';
