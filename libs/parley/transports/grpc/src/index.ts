export { grpc } from './grpc';
