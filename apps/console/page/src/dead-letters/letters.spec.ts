import type { DeadLetter } from '../api/types';
import { entriesIn, filterOf, groupsIn, lettersIn, runsIn, unansweredIn } from './letters';

const NOW = Date.parse('2026-11-23T09:00:30.500Z');
const letter = (id: string, died: string): DeadLetter => ({
  ...{ id, died, subscription: 'orders', headers: {}, holds: false, edits: 0, group: 'g' },
  failure: { error: 'Error', message: 'no', tries: 1, instance: 'o-1', firstFailedAt: died },
});

describe('dead letters of all services', () => {
  it('come the newest first', () => {
    const rows = lettersIn([
      { service: 'orders', count: 1, deadLetters: [letter('1', '2026-11-23T08:00:00Z')] },
      { service: 'catalog', error: 'refused' },
      { service: 'payments', count: 1, deadLetters: [letter('9', '2026-11-23T08:30:00Z')] },
    ]);
    expect(rows.map(({ service, id }) => `${service}/${id}`)).toEqual(['payments/9', 'orders/1']);
  });

  it('have the largest cause first, and of two as large the one that came back last', () => {
    const group = (name: string, count: number, last: string) => ({
      ...{ group: name, count, last, first: last, error: 'Error', cause: name },
      ...{ contract: 'a.b', subscriptions: ['s'] },
    });
    const rows = groupsIn([
      { service: 'orders', count: 3, groups: [group('a', 1, '2026-11-23T08:00:00Z')] },
      { service: 'gateway', count: 0 },
      {
        service: 'payments',
        count: 8,
        groups: [group('b', 7, '2026-11-23T07:00:00Z'), group('c', 1, '2026-11-23T08:30:00Z')],
      },
    ]);
    expect(rows.map(({ group: name }) => name)).toEqual(['b', 'c', 'a']);
  });

  it('have one audit, the latest first', () => {
    const entry = (at: string) => ({
      at,
      who: 'ada',
      action: 'replay',
      letter: '1',
      outcome: 'done',
    });
    const rows = entriesIn([
      { service: 'orders', entries: [entry('2026-11-23T08:00:00Z')] },
      { service: 'gateway' },
      { service: 'payments', entries: [entry('2026-11-23T08:30:00Z')] },
    ]);
    expect(rows.map(({ service }) => service)).toEqual(['payments', 'orders']);
  });

  it('are replayed in steps: those under way come first, then the latest that are over', () => {
    const run = (id: string, began: string, state: 'running' | 'done') => ({
      ...{ id, began, state, subscription: 's', group: 'g', who: 'ada', step: 1, steps: 4 },
      progress: '0 of 9 handled',
    });
    const over = [1, 2, 3, 4, 5, 6].map((n) => run(`${n}`, `2026-11-23T08:0${n}:00Z`, 'done'));
    const rows = runsIn([
      { service: 'orders', runs: over },
      { service: 'gateway' },
      { service: 'catalog', error: 'refused' },
      { service: 'payments', runs: [run('9', '2026-11-23T07:00:00Z', 'running')] },
    ]);
    expect(rows.map(({ id }) => id)).toEqual(['9', '6', '5', '4', '3', '2']);
  });

  it('are missing of services that did not answer, not of those that keep none', () => {
    expect(
      unansweredIn([
        { service: 'orders', error: 'refused' },
        { service: 'gateway', error: { status: 404, message: 'there is nothing here' } },
        { service: 'catalog', count: 0, deadLetters: [] },
      ]),
    ).toEqual(['orders']);
  });
});

describe('the filter of dead letters', () => {
  it('takes how long ago, to the minute, so that the next round asks the same', () => {
    expect(filterOf({ view: 'letters', from: '2h', to: '30m', limit: '200' }, NOW)).toEqual({
      from: '2026-11-23T07:00:00.000Z',
      to: '2026-11-23T08:30:00.000Z',
    });
  });

  it('passes names on as they are', () => {
    expect(filterOf({ service: 'orders', group: '7c01c57b', error: 'Error' }, NOW)).toEqual({
      service: 'orders',
      group: '7c01c57b',
      error: 'Error',
    });
  });
});
