import { randomUUID } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { broadcast, command, event, type Contract } from '@parley/contract';
import { Harness, type TestService } from '@parley/testing';
import { z } from 'zod';
import { encode } from './codec';
import { DeadLetterService } from '../dead-letters/dead-letter-service';
import { Handles } from '../handlers/handles';
import { Subscription } from '../handlers/handler-registry';
import { Messaging } from '../messaging';
import { SecretExpiredError } from '../ports/subject-keys';
import { currentPayload } from './upcasting';

/** The mill's contract before it weighed in grams, and in ounces before that. */
const Sack = z.object({ sack: z.string(), grams: z.int(), mark: z.string().optional() });
type Sack = z.infer<typeof Sack>;
const upcasts = {
  1: ({ sack, ounces }: { sack: string; ounces: number }) => ({
    sack,
    grams: Math.round(ounces * 28.35),
  }),
  2: ({ sack, grams }: { sack: string; grams: string }) => ({ sack, grams: Number(grams) }),
};
const Fill = command('mill.fill-sack', Sack, { key: 'sack', version: 3, upcasts });
const Filled = event('mill.sack-filled', Sack, { key: 'sack', version: 3, upcasts });
const Rang = broadcast('mill.bell-rang', Sack, { version: 3, upcasts });
/** Of its version 1 only a mark was added. */
const Stored = event('mill.sack-stored', Sack, { key: 'sack', version: 2 });

const seen: Sack[] = [];

@Controller()
class MillController {
  @Handles(Fill)
  async fill(sack: Sack) {
    seen.push(sack);
  }

  @Handles(Rang)
  async receive(sack: Sack) {
    seen.push(sack);
  }
}

@Controller()
@Subscription('book')
class BookController {
  @Handles(Filled)
  async write(sack: Sack) {
    seen.push(sack);
  }

  @Handles(Stored)
  async store(sack: Sack) {
    seen.push(sack);
  }
}

describe('what was said under another version of its contract', () => {
  let harness: Harness;
  let mill: TestService;

  beforeEach(async () => {
    seen.length = 0;
    harness = new Harness();
    mill = await harness.start('mill', { controllers: [MillController, BookController] });
  });
  afterEach(() => harness.close());

  async function sent(contract: Contract, version: number, payload: object): Promise<void> {
    const envelope = {
      id: randomUUID(),
      type: contract.name,
      contractversion: String(version),
      producerinstance: 'mill-0',
      partitionkey: contract.key && 's',
    };
    harness['broker'].publish({ contract, envelope: envelope as never, body: encode(payload) });
    await harness.settled();
  }
  const failure = async () =>
    (await harness.deadLetters()).map(({ failure: { error, message }, holds }) => ({
      error,
      message,
      holds,
    }));

  it.each<[string, Contract]>([
    ['a command', Fill],
    ['a broadcast', Rang],
    ['an event', Filled],
  ])('becomes what the current one says, by the upcast of its version: %s', async (_, contract) => {
    await sent(contract, 1, { sack: 's', ounces: 2 });
    await sent(contract, 2, { sack: 's', grams: '3' });
    await sent(contract, 3, { sack: 's', grams: 4 });
    expect(seen).toEqual([57, 3, 4].map((grams) => ({ sack: 's', grams })));
  });

  it('is taken as it is without an upcast, if it fits', async () => {
    await sent(Stored, 1, { sack: 's', grams: 1 });
    expect(seen).toEqual([{ sack: 's', grams: 1 }]);
  });

  it('dies without an upcast when it does not fit, and both versions are named', async () => {
    await sent(Stored, 1, { sack: 's' });
    const message = expect.stringMatching(
      /mill.sack-stored was sent as version 1 by mill-0, but this build knows version 2, has no upcast .*: .*grams/,
    );
    expect(await failure()).toEqual([{ error: 'UnreadableVersionError', message, holds: false }]);
  });

  it.each([
    ['fails', 'text'],
    ['makes something else', { sack: 's', ounces: 'many' }],
  ])('dies when its upcast %s', async (_, payload) => {
    await sent(Fill, 1, payload as object);
    const message = expect.stringContaining(
      'mill.fill-sack was sent as version 1 by mill-0, but this build knows version 3, and its upcast failed: ',
    );
    expect(await failure()).toEqual([{ error: 'UnreadableVersionError', message, holds: false }]);
  });

  it('dies of its fields, not of its version, when that is the current one', async () => {
    await sent(Fill, 3, { sack: 's', grams: 'many' });
    const message = expect.stringMatching(/^mill.fill-sack: grams /);
    expect(await failure()).toEqual([{ error: 'InvalidMessageError', message, holds: false }]);
  });

  it.each<[string, Contract]>([
    ['without an upcast', Stored],
    ['with one', Filled],
  ])('dies of its expired secret, not of its version: %s', (_, contract) => {
    const expired = new SecretExpiredError(contract.name, 'mark');
    const received = { contractversion: '1', producerinstance: 'mill-0' };
    const read = () =>
      currentPayload(contract, received, { sack: 's', ounces: 1, grams: 1 }, () => {
        throw expired;
      });
    expect(read).toThrow(expired);
  });

  it('dies when it is newer, and its lane waits for a build that knows it', async () => {
    await sent(Filled, 4, { sack: 's', grams: 5 });
    await sent(Filled, 3, { sack: 's', grams: 6 });
    const message =
      'mill.sack-filled was sent as version 4 by mill-0, but this build knows version 3: deploy a newer build here, then replay it';
    expect(await failure()).toEqual([{ error: 'NewerVersionError', message, holds: true }]);
    expect(seen).toEqual([]);
  });

  it('is edited and replayed as the version it was said under', async () => {
    await sent(Fill, 1, { sack: 's', ounces: 'many' });
    const desk = new DeadLetterService(
      mill.store.lanes.deadLetters,
      mill.get(Messaging).registry,
      harness.clock,
      mill.get(Messaging).payloads,
      'mill',
    );
    const [letter] = await desk.letters.list();
    expect((await desk.find(letter!.id))!.preview).toMatchObject({
      expect: 'dead again',
      why: expect.stringContaining('its upcast failed'),
    });
    await expect(
      desk.edit(letter!.id, encode({ sack: 's', grams: 2 }), { who: 'ada', replay: true }),
    ).rejects.toThrow('version 1');
    expect(
      await desk.edit(letter!.id, encode({ sack: 's', ounces: 2 }), { who: 'ada', replay: true }),
    ).toBe('done');
    await harness.settled();
    expect(seen).toEqual([{ sack: 's', grams: 57 }]);
  });
});
