import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { z } from 'zod';

/** A request to operations, from any HTTP server. */
export interface OperationsRequest {
  readonly method: string;
  /** Decoded parts of the path below operations: `['dead-letters', '7']`. */
  readonly parts: readonly string[];
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** The name of the operator, from the application's own guard. */
  readonly operator?: string;
  /** Address of the other side of the connection. */
  readonly from?: string;
  /** The JSON of the body. @throws BadRequestError */
  readonly body: () => Promise<unknown>;
}

/** A request that was admitted. */
export type AdmittedRequest = OperationsRequest & {
  /** Name of the operator, for the audit. */
  readonly operator: string;
};

/** The answer to a request. */
export interface OperationsAnswer {
  readonly status: number;
  readonly body: object | string;
  readonly type?: string;
}

export const failed = (status: number, message: string): OperationsAnswer => ({
  status,
  body: { status, message },
});

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** A malformed request; the answer is 400. */
export class BadRequestError extends Error {
  override readonly name = 'BadRequestError';
}

export function read<T>(schema: z.ZodType<T>, given: unknown): T {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new BadRequestError(
    result.error.issues
      .map(({ path, message }) => `${path.join('.') || 'the request'}: ${message}`)
      .join('; '),
  );
}

export async function refusingBadRequests(
  answer: () => Promise<OperationsAnswer>,
): Promise<OperationsAnswer> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof BadRequestError) return failed(400, error.message);
    throw error;
  }
}

/** The request in an HTTP message; its body is not read yet. */
export const fromMessage = (
  message: IncomingMessage,
  { parts, query }: Pick<OperationsRequest, 'parts' | 'query'>,
): OperationsRequest => ({
  method: message.method ?? 'GET',
  parts,
  query,
  headers: message.headers,
  from: message.socket.remoteAddress,
  body: async () => json(await textOf(message)),
});

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    if ((size += chunk.length) > MAX_BODY_BYTES)
      throw new BadRequestError(`the request is longer than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An absent body is an empty object. */
export function json(text: string): unknown {
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new BadRequestError('the request is not JSON');
  }
}
