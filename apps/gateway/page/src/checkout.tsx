import { useMutation, useQuery } from '@tanstack/react-query';
import { useDeferredValue } from 'react';
import { type Line, order, quote, Refusal } from './api';
import { euros } from './format';
import { keep, keepOrder, type Kept, type Unanswered, useKept } from './kept';
import { Section, Sentences } from './parts';
import { scenarioOf, SCENARIOS } from './scenarios';

/** While the catalogue cannot be asked. */
const ASK_AGAIN_MS = 5_000;

/** The quote, the customer, what shall happen, and the order. */
export function Checkout({ placed }: { readonly placed: (orderId: string) => void }) {
  const kept = useKept();
  const lines = useDeferredValue(linesOf(kept));
  const asked = useQuery({
    queryKey: ['quote', lines],
    queryFn: ({ signal }) => quote(lines, signal),
    enabled: lines.length > 0,
    placeholderData: (before) => before,
    refetchInterval: ({ state: { error } }) => (error ? ASK_AGAIN_MS : false),
  });
  const placing = useMutation({
    mutationFn: send,
    onSuccess: placed,
  });
  const { scenario, name, email, unanswered } = kept;
  return (
    <Section id="checkout" title="2 · Order, as a guest">
      {lines.length === 0 && <p>Pick a product first.</p>}
      {asked.error && lines.length > 0 && <Sentences error={asked.error} />}
      {asked.data && lines.length > 0 && !asked.error && (
        <p aria-live="polite">
          {asked.data.lines.map((line) => `${line.quantity} × ${line.name}`).join(', ')}:{' '}
          <strong>{euros(asked.data.total)}</strong>{' '}
          <span className="dim">
            now, by a call of <code>catalog.quote-price</code>; the order agrees it anew
          </span>
        </p>
      )}
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (lines.length > 0 && !placing.isPending) placing.mutate(requestOf(kept));
        }}
      >
        <fieldset>
          <legend>What shall happen?</legend>
          {SCENARIOS.map(({ id, label, shows }) => (
            <label key={id} className="choice">
              <input
                type="radio"
                name="scenario"
                value={id}
                checked={id === scenario}
                aria-describedby={id === scenario ? 'shows' : undefined}
                onChange={() => keep({ scenario: id })}
              />
              <span>
                {label}
                {id === scenario && (
                  <span id="shows" className="dim">
                    {shows}
                  </span>
                )}
              </span>
            </label>
          ))}
        </fieldset>
        <div className="pair">
          <label className="field">
            Name
            <input
              value={name}
              autoComplete="off"
              onChange={({ target }) => keep({ name: target.value })}
            />
          </label>
          <label className="field">
            E-mail
            <input
              value={email}
              type="email"
              autoComplete="off"
              onChange={({ target }) => keep({ email: target.value })}
            />
          </label>
        </div>
        {placing.error && <Sentences error={placing.error} />}
        {unanswered && !placing.isPending && (
          <p className="notice">
            An order was sent, and its answer was not seen. Sent again, unchanged, it is the same
            order: its <code>Idempotency-Key</code> is kept.{' '}
            <button type="button" onClick={() => placing.mutate(unanswered)}>
              Send it again
            </button>
          </p>
        )}
        <p>
          <button
            type="submit"
            className="main"
            aria-disabled={lines.length === 0 || placing.isPending}
          >
            {placing.isPending ? 'Placing the order …' : 'Place the order'}
          </button>
        </p>
      </form>
      <p className="dim">
        Basket, orders and the token that opens each of them stay in this tab (
        <code>sessionStorage</code>): a reload finds them again, closing the tab forgets them.
      </p>
    </Section>
  );
}

const linesOf = ({ basket }: Kept): Line[] =>
  Object.entries(basket)
    .filter(([, quantity]) => quantity > 0)
    .map(([sku, quantity]) => ({ sku, quantity }));

/** The same order has the same key, until its answer is there. */
function requestOf(kept: Kept): Unanswered {
  const { name, email, scenario, unanswered } = kept;
  const { token, country } = scenarioOf(scenario);
  const address = { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1 1AA', country };
  const body = JSON.stringify({
    customer: { name, email, address },
    lines: linesOf(kept),
    payment: { token },
  });
  return body === unanswered?.body ? unanswered : { key: newKey(), body, scenario };
}

/** @returns the order's id */
async function send(request: Unanswered): Promise<string> {
  keep({ unanswered: request });
  try {
    const { orderId, guest } = await order(request.body, request.key);
    const placedAt = new Date().toISOString();
    keepOrder({ orderId, token: guest?.token, scenario: request.scenario, placedAt });
    return orderId;
  } catch (error) {
    if (error instanceof Refusal && error.isFinal) keep({ unanswered: undefined });
    throw error;
  }
}

/** Pages that came by plain HTTP from another machine have no randomUUID. */
const newKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
