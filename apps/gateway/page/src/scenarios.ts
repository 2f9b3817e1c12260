/** Something that may happen to an order: by the card it is paid with, or by where it goes. */
interface Scenario {
  readonly id: string;
  readonly label: string;
  /** What one will see. */
  readonly shows: string;
  /** A card of the pretended payment provider. */
  readonly token: string;
  readonly country: string;
}

const GOOD = { token: 'tok_ok', country: 'GB' };

export const SCENARIOS: readonly Scenario[] = [
  {
    ...GOOD,
    id: 'fine',
    label: 'All goes well',
    shows: 'Reserved, paid, shipped and delivered, in a few seconds.',
  },
  {
    ...GOOD,
    id: 'declined',
    label: 'The card is declined',
    shows:
      'Payments says no. The order goes back: inventory is told to release the stock, then the order is rejected, with a mail.',
    token: 'tok_declined',
  },
  {
    ...GOOD,
    id: 'antarctica',
    label: 'It goes to Antarctica',
    shows:
      'Shipping refuses, after the payment. All is undone in reverse order: the money is refunded, then the stock released.',
    country: 'AQ',
  },
  {
    ...GOOD,
    id: 'slow',
    label: 'The payment provider is slow',
    shows: 'The order waits for payments for a second or two, nobody else does.',
    token: 'tok_slow',
  },
  {
    ...GOOD,
    id: 'flaky',
    label: 'The payment provider fails at first',
    shows: 'Payments tries again until it has an answer. The money is taken once.',
    token: 'tok_flaky',
  },
  {
    ...GOOD,
    id: 'silent',
    label: 'The payment provider never answers',
    shows:
      'The answer is lost, or never comes. Payments looks up what became of the charge: the order is delivered if the money was taken, rejected if not. This takes a few seconds.',
    token: 'tok_unknown',
  },
];

export const scenarioOf = (id: string): Scenario =>
  SCENARIOS.find((one) => one.id === id) ?? SCENARIOS[0]!;
