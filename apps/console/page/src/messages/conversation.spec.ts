import type { Handling, KeptMessage } from '../api/types';
import { type Cause, causesIn, sequenceOf } from './conversation';

const message = (
  id: string,
  causation: string | null,
  source: string,
  ...to: readonly string[]
): KeptMessage =>
  ({
    ...{ id, causation, source },
    handlings: to.map(
      (service, index) =>
        ({ service, subscription: service, outcome: 'done', at: `12:00:0${index}` }) as Handling,
    ),
  }) as unknown as KeptMessage;

const shown = ({ message, effects }: Cause): unknown =>
  effects.length === 0 ? message.id : [message.id, effects.map(shown)];

describe('a conversation', () => {
  const messages = [
    message('place', null, 'gateway', 'orders'),
    message('placed', 'place', 'orders', 'notifications', 'insights'),
    message('charge', 'place', 'orders', 'payments'),
    message('captured', 'charge', 'payments', 'orders'),
  ];

  it('is a sequence of arrows between services, in the order in which they appear', () => {
    const { services, arrows } = sequenceOf(messages);
    expect(services).toEqual(['gateway', 'orders', 'notifications', 'insights', 'payments']);
    expect(arrows.map(({ from, to, message }) => `${from} > ${to}: ${message.id}`)).toEqual([
      'gateway > orders: place',
      'orders > notifications: placed',
      'orders > insights: placed',
      'orders > payments: charge',
      'payments > orders: captured',
    ]);
  });

  it('is a tree of causes', () => {
    expect(causesIn(messages).map(shown)).toEqual([
      ['place', ['placed', ['charge', ['captured']]]],
    ]);
  });

  it('has a root for each message whose cause is not kept', () => {
    expect(causesIn(messages.slice(1)).map(shown)).toEqual(['placed', ['charge', ['captured']]]);
  });

  it('ends where forged ids form a ring', () => {
    const ring = [message('a', 'b', 'x', 'y'), message('b', 'a', 'y', 'x'), message('c', 'c', 'x')];
    expect(causesIn(ring).map(shown)).toEqual(['c', ['a', ['b']]]);
  });
});
