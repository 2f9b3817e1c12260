export { fieldNumbers, type FieldNumbers } from './field-numbers';
export {
  fieldNumberOf,
  isMarkedOptional,
  isWrapper,
  type ProtoCall,
  type ProtoField,
  type ProtoMessage,
  type ProtoScalar,
  type ProtoType,
  withNested,
} from './message';
export { ONE_OF } from './message-maker';
export { jsonNameOf, messageNameOf } from './names';
export { messagesOf, numberedCallOf, type NumberedCall, protoCallOf } from './proto-call';
