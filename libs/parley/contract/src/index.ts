export {
  broadcast,
  call,
  command,
  ContractError,
  contractNamed,
  event,
  keyOf,
  type Broadcast,
  type Call,
  type CallErrors,
  type Command,
  type Contract,
  type ErrorCodeOf,
  type ErrorDetails,
  type Event,
  type Kind,
  type Message,
  type ReplyOf,
} from './contract';
export { breaksOf, type Break } from './compatibility';
export { schemaOf, type ContractSchema, type JsonSchema } from './contract-schema';
export { milliseconds, type Duration } from './duration';
export { text } from './text';
