import type { Contract } from '@parley/contract';
import { HandlerError } from '../../handlers/handler-registry';

/** A technology of calls that carries no streams was given one. */
export const noStreams = ({ name, owner }: Contract, technology: string): HandlerError =>
  new HandlerError(
    `${name} is a stream, which ${technology} does not carry; give ${owner} a CALLS_URL of grpc:// or http://`,
  );
