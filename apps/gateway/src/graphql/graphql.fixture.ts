import type { GraphQLFormattedError } from 'graphql';
import type { EdgeOnTrial } from '../edge.fixture';

export interface GraphqlResult {
  readonly status: number;
  readonly type: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly errors?: readonly GraphQLFormattedError[];
}

/** Sends a document, or a whole request. */
export async function graphql(
  edge: EdgeOnTrial,
  request: string | object,
  variables?: object,
  headers: Record<string, string> = {},
): Promise<GraphqlResult> {
  const body = typeof request === 'string' ? { query: request, variables } : request;
  const response = await fetch(`${edge.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Pick<GraphqlResult, 'data' | 'errors'>;
  return { ...answer, status: response.status, type: response.headers.get('content-type') };
}

/** The codes of an answer's errors. */
export const codesOf = ({ errors = [] }: GraphqlResult): unknown[] =>
  errors.map(({ extensions }) => extensions?.['code']);

export const NEW_ORDER = {
  customer: {
    name: 'Ada',
    email: 'ada@example.org',
    address: { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1', country: 'GB' },
  },
  lines: [{ sku: 'TEA-0001', quantity: 2 }],
  payment: { token: 'tok_ok' },
};

export const PLACE = `mutation Place($key: String!, $order: NewOrderInput!) {
  placeOrder(idempotencyKey: $key, order: $order) { orderId status }
}`;
