import type { Handling } from '../api/types';
import { fatesOf, toneOf } from './outcomes';

const handling = (subscription: string, outcome: string) =>
  ({ subscription, outcome }) as unknown as Handling;

describe('what became of a message', () => {
  it('is its last handling in each subscription, what needs a person first', () => {
    const fates = fatesOf({
      handlings: [
        handling('inventory', 'done'),
        handling('notifications', 'retry'),
        handling('insights', 'duplicate'),
        handling('notifications', 'dead'),
      ],
    });
    expect(fates.map(({ subscription, outcome }) => `${subscription} ${outcome}`)).toEqual([
      'notifications dead',
      'insights duplicate',
      'inventory done',
    ]);
  });

  it('is bad where a call ended with a fault', () => {
    expect([toneOf('ok'), toneOf('out-of-stock'), toneOf('retry')]).toEqual([
      'good',
      'bad',
      'warn',
    ]);
  });
});
