import 'reflect-metadata';
import { broadcast, call, command, event, type Contract } from '@parley/contract';
import { z } from 'zod';
import {
  HandlerError,
  HandlerRegistry,
  NoSubscriptionError,
  Subscription,
} from './handler-registry';

const Letter = z.object({ letter: z.string() });
const Sort = command('mailroom.sort-letter', Letter);
const Count = call('mailroom.count-letters', { request: Letter, reply: Letter });
const Sorted = event('mailroom.letter-sorted', Letter, { key: 'letter' });
const Rang = broadcast('mailroom.bell-rang', Letter);

class Clerk {}
class Deputy {}
@Subscription('archive')
class Archive {}
@Subscription('archive', { from: 'now' })
class Annex {}
@Subscription('window', { live: true })
class Window {}

const run = async () => undefined;
const registry = (
  service: string,
  ...handlers: [contract: Contract, handlerClass: { readonly name: string }, method?: string][]
) => {
  const all = new HandlerRegistry(service, 4);
  for (const [contract, handlerClass, method = 'handle'] of handlers)
    all.add(run as never, { contract, options: {}, handlerClass, method });
  return all;
};

describe('the handlers of a service', () => {
  it('are one a command or call: a second one is refused, and both are named', () => {
    const twice = () => registry('mailroom', [Sort, Clerk, 'sort'], [Sort, Deputy, 'sortToo']);
    expect(twice).toThrow(HandlerError);
    expect(twice).toThrow(
      'mailroom.sort-letter has two handlers, Clerk.sort and Deputy.sortToo; keep one',
    );
    expect(() => registry('mailroom', [Count, Clerk], [Count, Clerk])).toThrow(HandlerError);
  });

  it.each<[string, Contract]>([
    ['a command', Sort],
    ['a call', Count],
  ])('do not take %s of another owner', (_, contract) => {
    expect(() => registry('garage', [contract, Clerk])).toThrow(
      `Clerk.handle handles ${contract.name}, but only its owner, mailroom, may; this is garage`,
    );
  });

  it('have a subscription whose name fits', () => {
    const named = (length: number) => {
      class Long {}
      Subscription('s'.repeat(length))(Long);
      return () => registry('garage', [Sorted, Long]);
    };
    expect(named(121)).not.toThrow();
    expect(named(122)).toThrow(/has 129 characters; use at most 128, its service included/);
  });

  it.each([0, 1.5, 9, NaN])('may not end their process %p times by one message', (unfinished) => {
    const extras = {
      contract: Sort,
      options: { retry: { unfinished } },
      handlerClass: Clerk,
      method: 'sort',
    };
    expect(() => new HandlerRegistry('mailroom', 4).add(run as never, extras)).toThrow(
      'give a whole number from 1 to 8',
    );
  });

  it('take events only under a subscription', () => {
    expect(() => registry('garage', [Sorted, Clerk])).toThrow(
      "Clerk handles the event mailroom.letter-sorted; name its subscription with @Subscription('…')",
    );
    expect(registry('garage', [Sorted, Archive]).subscriptions('event')).toMatchObject([
      { name: 'garage.archive', from: 'beginning', live: false, concurrency: 4 },
    ]);
  });

  it('may take one event under several subscriptions, each with a position of its own', () => {
    expect(
      registry('garage', [Sorted, Archive], [Sorted, Window])
        .subscriptions('event')
        .map(({ name, live }) => [name, live]),
    ).toEqual([
      ['garage.archive', false],
      ['garage.window', true],
    ]);
  });

  it('take an event once per subscription', () => {
    expect(() => registry('garage', [Sorted, Archive], [Sorted, Archive, 'too'])).toThrow(
      HandlerError,
    );
  });

  it('of one subscription agree on where it starts', () => {
    expect(() =>
      registry(
        'garage',
        [Sorted, Archive],
        [event('mailroom.letter-lost', Letter, { key: 'letter' }), Annex],
      ),
    ).toThrow('Annex declares the subscription garage.archive in another way');
  });

  it('of commands and broadcasts share the subscription of the service', () => {
    const all = registry('mailroom', [Sort, Clerk], [Rang, Clerk]);
    expect(all.subscriptions().map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'command mailroom',
      'broadcast mailroom',
    ]);
    expect([...all.subscriptions('command')[0]!.handlers.keys()]).toEqual(['mailroom.sort-letter']);
  });

  it('of calls are found by name', () => {
    const all = registry('mailroom', [Count, Clerk, 'count']);
    expect(all.handlerOfCall('mailroom.count-letters')).toMatchObject({
      name: 'Clerk.count',
      contract: Count,
    });
    expect(
      ['mailroom.sort-letter', 'constructor', ''].map((name) => all.handlerOfCall(name)),
    ).toEqual([undefined, undefined, undefined]);
  });
});

describe('the concurrency of a subscription', () => {
  it("is changed for all who ask, who are told, and is no other subscription's business", () => {
    const all = registry('garage', [Sorted, Archive], [Sorted, Window]);
    const [archive, window] = all.subscriptions('event');
    const reported: number[] = [];
    archive!.onConcurrency!(() => reported.push(archive!.concurrency));
    expect([
      all.setConcurrency('garage.archive', 9),
      all.setConcurrency('garage.archive', 1),
    ]).toEqual([4, 9]);
    expect([reported, window!.concurrency]).toEqual([[9, 1], 4]);
  });

  it('is refused where it cannot be, and for what is not there', () => {
    const all = registry('garage', [Sorted, Archive]);
    for (const wrong of [0, -1, 1.5, NaN, 1001])
      expect(() => all.setConcurrency('garage.archive', wrong)).toThrow(
        'a whole number from 1 to 1000',
      );
    expect(() => all.setConcurrency('garage.cellar', 2)).toThrow(
      new NoSubscriptionError('garage has no subscription garage.cellar; it has garage.archive'),
    );
  });
});
