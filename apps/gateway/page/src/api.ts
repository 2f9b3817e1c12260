/** A product, as the gateway lists it. Prices are cents. */
interface Product {
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  readonly price: number;
}

export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

interface Quote {
  readonly total: number;
  readonly lines: readonly (Line & { readonly name: string; readonly price: number })[];
}

interface Accepted {
  readonly orderId: string;
  readonly guest?: { readonly token: string };
}

/** The parts of application/problem+json (RFC 9457) that a reader needs. */
interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

/** A refusal or failure, in sentences. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly sentences: readonly string[],
    /** Undefined: nothing answered, so that nobody knows what was done. */
    readonly status?: number,
  ) {
    super(sentences.join(' '));
  }

  /** True when the shop has decided: sent again it would be refused again. */
  get isFinal(): boolean {
    return this.status !== undefined && this.status < 500 && this.status !== 429;
  }
}

const SILENCE = 'The shop does not answer. Is it running?';

export const products = async (signal: AbortSignal): Promise<readonly Product[]> =>
  ((await ask('/products', { signal })) as { products: Product[] }).products;

const QUOTE =
  'query Quote($lines: [LineInput!]!) { quote(lines: $lines) { total lines { sku quantity name price } } }';

/** What these lines cost now: a call of the catalogue, by GraphQL. */
export async function quote(lines: readonly Line[], signal: AbortSignal): Promise<Quote> {
  const { data, errors } = (await ask('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: QUOTE, variables: { lines } }),
    signal,
  })) as {
    data?: { quote?: Quote | null } | null;
    errors?: readonly { message: string; extensions?: Problem }[];
  };
  if (data?.quote) return data.quote;
  const [error] = errors ?? [];
  throw new Refusal(sentencesOf({ ...error?.extensions, title: error?.message }, lines), 200);
}

export const order = (body: string, key: string): Promise<Accepted> =>
  ask('/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body,
  }) as Promise<Accepted>;

/** The headers that open an order. */
export const asOwner = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** @throws Refusal why an order cannot be seen */
export const look = (orderId: string, token: string | undefined): Promise<unknown> =>
  ask(`/orders/${orderId}`, { headers: asOwner(token) });

async function ask(path: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(path, init).catch((error: unknown) => {
    if (init.signal?.aborted) throw error;
    throw new Refusal([SILENCE]);
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer;
  const { lines } = typeof init.body === 'string' ? (JSON.parse(init.body) as Sent) : {};
  throw new Refusal(sentencesOf((answer ?? {}) as Problem, lines), response.status);
}

interface Sent {
  readonly lines?: readonly Line[];
}

/** A problem as sentences; the lines that were sent give fields their names. */
export function sentencesOf(
  { title = 'The shop cannot do this now', detail, errors = [] }: Problem,
  lines: readonly Line[] = [],
): string[] {
  return [
    sentence(title),
    ...(detail === undefined ? [] : [sentence(detail)]),
    ...errors.map(({ field, message }) => sentence(`${nameOf(field, lines)}: ${message}`)),
  ];
}

/** `lines.0.quantity` is `quantity of TEA-0001`, `customer.email` is `email`. */
function nameOf(field: string, lines: readonly Line[]): string {
  const [, index, rest] = /^lines\.(\d+)(?:\.(.+))?$/.exec(field) ?? [];
  const line = index === undefined ? undefined : lines[Number(index)];
  if (line) return rest === undefined || rest === 'sku' ? line.sku : `${rest} of ${line.sku}`;
  return field.split('.').at(-1) || 'the order';
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
