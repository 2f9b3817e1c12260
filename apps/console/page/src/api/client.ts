import { current, end } from '../session/session';

/** A refusal or failure, with the API's own sentence. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    /** Undefined: nothing answered. */
    readonly status: number | undefined,
    message: string,
  ) {
    super(message);
  }
}

interface Asked {
  readonly method?: 'GET' | 'POST';
  readonly body?: object;
  readonly signal?: AbortSignal;
}

/** Asks the API as the operator who is logged in; a token that is not good ends the session. */
export async function ask<T>(path: string, asked: Asked = {}): Promise<T> {
  const { token, name } = current().session ?? {};
  try {
    return await askAs<T>({ token, name }, path, asked);
  } catch (error) {
    // An answer to an earlier token says nothing about the present one.
    if (error instanceof ApiError && error.status === 401 && current().session?.token === token)
      end('The token is not good any more: it has expired, or the services were started anew.');
    throw error;
  }
}

export async function askAs<T>(
  { token, name }: { readonly token?: string; readonly name?: string },
  path: string,
  { method = 'GET', body, signal }: Asked = {},
): Promise<T> {
  const headers = new Headers();
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  if (name !== undefined) headers.set('x-operator', inLatin(name));
  if (body) headers.set('content-type', 'application/json');
  const response = await fetch(`/api/${path}`, {
    method,
    headers,
    cache: 'no-store',
    ...(body && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new ApiError(undefined, 'The console does not answer; is it running?');
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer as T;
  throw new ApiError(
    response.status,
    messageIn(answer) ?? `The console answers ${response.status} ${response.statusText}`.trim(),
  );
}

function messageIn(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('message' in answer)) return undefined;
  const { message } = answer;
  return Array.isArray(message) ? message.join('; ') : String(message);
}

/** A header holds no other letters. */
const inLatin = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x20-\x7e]/g, '?');
