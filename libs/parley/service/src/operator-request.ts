import type { IncomingMessage } from 'node:http';
import { z } from 'zod';

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

const MAX_BODY = 4 * 1024 * 1024;

/** A request that says something that cannot be; the answer is 400. */
export class BadRequestError extends Error {}

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

/** The operator's name as the request gives it. It is not verified: there is no log-in yet. */
export function operatorOf({ headers }: IncomingMessage): string {
  const header = headers['x-operator'];
  return (typeof header === 'string' && header.trim().slice(0, 100)) || 'somebody';
}

export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if ((size += chunk.length) > MAX_BODY)
      throw new BadRequestError(`the request is longer than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new BadRequestError('the request is not JSON');
  }
}
