import type { DeliveryObserver } from '@parley/messaging/transport';
import { observers } from './conversations';

/** Each event of the port; the compiler knows when one is missing. */
const EVENTS: Record<keyof DeliveryObserver, true> = {
  handled: true,
  called: true,
  calledAgain: true,
  answered: true,
  sent: true,
  relayed: true,
  missed: true,
};

test.each(Object.keys(EVENTS) as (keyof DeliveryObserver)[])(
  'every observer is told when something was %s, and one that does not care is left out',
  (event) => {
    const [first, second] = [jest.fn(), jest.fn()];
    const told = observers({ [event]: first }, {}, { [event]: second });
    (told[event] as (...all: unknown[]) => void)('one', 2);
    for (const observer of [first, second]) expect(observer).toHaveBeenCalledTimes(1);
  },
);
