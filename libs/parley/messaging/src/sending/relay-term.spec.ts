import { command, type Contract } from '@parley/contract';
import { eventually } from '@parley/conformance';
import { z } from 'zod';
import { Counter, idOf, Print, sent, Till } from './till.fixture';

const Ring = command('till.ring-bell', z.object({ key: z.string() }), { key: 'key' });

let till: Till;

const many = (contract: Contract) =>
  Array.from({ length: 600 }, () => sent(idOf(contract.name.slice(5, 9)), undefined, contract));
const idsOf = (messages: readonly ReturnType<typeof sent>[]) =>
  messages.map(({ envelope: { id } }) => id);

describe('a technology that holds as much as it may', () => {
  beforeEach(() => void (till = new Till()));
  afterEach(() => till.close());

  it('keeps nothing of another one waiting, however many contracts it carries', async () => {
    const silent = new Counter();
    let answer = () => {};
    silent.arrived = () => new Promise((resolve) => (answer = resolve));
    till.carried.set(Print, silent.transport).set(Ring, silent.transport);
    const [waiting, other] = [[...many(Print), ...many(Ring)], idOf('othe')];
    await till.add(...waiting, sent(other, 'a'));
    till.relay();
    await eventually(() => till.counter.published.length === 1, 'the other technology');
    silent.arrived = undefined;
    answer();
    await till.emptied();
    expect(silent.published).toEqual(idsOf(waiting));
    expect(till.counter.published).toEqual([other]);
  });
});
