export { type AsyncApi, type AsyncApiChannel, type AsyncApiDetails, asyncApiOf } from './async-api';
export type { CallResilience, ResilienceDefinition, StreamResilience } from './call-resilience';
export {
  broadcast,
  call,
  command,
  contractIfLoaded,
  contractNamed,
  contractsLoaded,
  event,
  isStream,
  keyOf,
  stream,
  type Broadcast,
  type Call,
  type CallErrors,
  type Command,
  type Contract,
  type ErrorCodeOf,
  type ErrorDetails,
  type Event,
  type ItemInputOf,
  type ItemOf,
  type Kind,
  type Message,
  type MessageInput,
  type Question,
  type ReplyInputOf,
  type ReplyOf,
  type Stream,
  type Upcasts,
} from './contract';
export { callPathOf } from './call-path';
export { ContractError } from './contract-error';
export { breaksOf, type Break, unreadOf } from './compatibility';
export { schemaOf, type ContractSchema, type JsonSchema } from './contract-schema';
export { isDuration, milliseconds, type Duration } from './duration';
export { hiddenIn, type Secret, type SecretFields } from './secret';
export { type At, type PathOf, type Personal, type PersonalFields } from './personal';
export { openApiOf, type OpenApi } from './open-api';
export { text } from './text';
export { wire } from './wire';
export { wireForm, wireFormatOf, type WireFormat } from './wire-format';
export {
  fieldNumberOf,
  type FieldNumbers,
  fieldNumbers,
  isMarkedOptional,
  isWrapper,
  jsonNameOf,
  messageNameOf,
  messagesOf,
  type NumberedCall,
  numberedCallOf,
  ONE_OF,
  type ProtoCall,
  protoCallOf,
  type ProtoField,
  type ProtoMessage,
  type ProtoScalar,
  type ProtoType,
  withNested,
} from './protobuf';
