import type { OutgoingMessage } from '../message/message';
import { NotTriedError, PartlyPublishedError, UnpublishedError } from '../ports/publish-errors';
import {
  byLane,
  failuresInOrder,
  failuresTogether,
  laneOf,
  publishInTurn,
  sendInOrder,
} from './publish-in-order';

const message = (partitionkey: string | undefined, id: string, owner = 'orders') =>
  ({ contract: { owner }, envelope: { id, partitionkey } }) as unknown as OutgoingMessage;
const idsOf = (messages: readonly OutgoingMessage[]) => messages.map(({ envelope }) => envelope.id);
const NOT_TRIED = new NotTriedError('an earlier message of its key was not published');

/** Accepts all messages but these; records the messages and how they were passed. */
function takerBut(...refused: string[]) {
  const taken: string[] = [];
  const take = ({ envelope: { id } }: OutgoingMessage) => {
    if (refused.includes(id)) throw new Error(`not ${id}`);
    taken.push(id);
  };
  return { taken, take, takeLater: async (one: OutgoingMessage) => take(one) };
}

describe('sending in order', () => {
  it('sends one of a key at a time, and others meanwhile', async () => {
    const begun: string[] = [];
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const sent = sendInOrder(
      [message('a', '1'), message('a', '2'), message('b', '3'), message(undefined, '4')],
      async ({ envelope }) => {
        begun.push(envelope.id);
        if (envelope.id === '1') await held;
      },
    );
    expect(begun).toEqual(['1', '3', '4']);
    release();
    await sent;
    expect(begun).toEqual(['1', '3', '4', '2']);
  });

  it('sends nothing of a key after a failed one, and rejects when all the others have ended', async () => {
    const ended: string[] = [];
    const send = async ({ envelope }: OutgoingMessage) => {
      if (envelope.id === '1') throw new Error('no');
      await new Promise((resolve) => setImmediate(resolve));
      ended.push(envelope.id);
    };
    await expect(
      sendInOrder([message('a', '1'), message('a', '2'), message('b', '3')], send),
    ).rejects.toThrow('no');
    expect(ended).toEqual(['3']);
  });
});

describe('what was not sent', () => {
  it('has its reason: of those behind a failed one of their key, that they were not tried', async () => {
    const messages = ['1', '2', '3', '4'].map((id) => message('a', id));
    const { taken, takeLater } = takerBut('2');
    const failures = await failuresInOrder(messages, takeLater);
    expect(taken).toEqual(['1']);
    expect([...failures]).toEqual([
      [messages[1], new Error('not 2')],
      [messages[2], NOT_TRIED],
      [messages[3], NOT_TRIED],
    ]);
    expect(failures.get(messages[2]!)).toBeInstanceOf(NotTriedError);
  });
});

describe('a technology that takes many in one request', () => {
  const messages = [message('a', '1'), message('b', '2'), message('a', '3')];

  it('is asked once while it takes all', async () => {
    const asked: string[][] = [];
    const failures = await failuresTogether(messages, async (all) => void asked.push(idsOf(all)));
    expect([asked, failures]).toEqual([[['1', '2', '3']], new Map()]);
  });

  it('is handed each alone, in order, when it took none, so that one does not stop the others', async () => {
    const asked: string[][] = [];
    const refusal = new UnpublishedError('1 is too large');
    const failures = await failuresTogether(messages, async (all) => {
      asked.push(idsOf(all));
      if (idsOf(all).includes('1')) throw refusal;
    });
    expect(asked).toEqual([['1', '2', '3'], ['1'], ['2']]);
    expect([...failures]).toEqual([
      [messages[0], refusal],
      [messages[2], NOT_TRIED],
    ]);
  });

  it('is not asked again when it refused a single one, nor when it may have taken some', async () => {
    const asked: string[][] = [];
    const failing = (error: Error) => async (all: readonly OutgoingMessage[]) => {
      asked.push(idsOf(all));
      throw error;
    };
    const [refusal, away] = [new UnpublishedError('too large'), new Error('away')];
    const one = messages.slice(0, 1);
    expect([...(await failuresTogether(one, failing(refusal)))]).toEqual([[one[0], refusal]]);
    expect([...(await failuresTogether(messages, failing(away)))]).toEqual(
      messages.map((each) => [each, away]),
    );
    expect(asked).toEqual([['1'], ['1', '2', '3']]);
  });
});

describe('publishing at once', () => {
  it('keeps the order', () => {
    const { taken, take } = takerBut();
    publishInTurn([message('a', '1'), message(undefined, '2'), message('a', '3')], take);
    expect(taken).toEqual(['1', '2', '3']);
  });

  it('leaves out what follows a failed one of its key, and nothing else', () => {
    const messages = [
      message('a', '1'),
      message(undefined, '2'),
      message('a', '3'),
      message('b', '4'),
      message(undefined, '5'),
    ];
    const { taken, take } = takerBut('1', '2');
    const error = caught(() => publishInTurn(messages, take));
    expect(taken).toEqual(['4', '5']);
    expect(error).toBeInstanceOf(PartlyPublishedError);
    expect([...(error as PartlyPublishedError).failures]).toEqual([
      [messages[0], new Error('not 1')],
      [messages[1], new Error('not 2')],
      [messages[2], NOT_TRIED],
    ]);
  });

  it('fails with the error itself when there was one message only', () => {
    expect(caught(() => publishInTurn([message('a', '1')], takerBut('1').take))).toEqual(
      new Error('not 1'),
    );
  });
});

describe('a lane', () => {
  it('is a key at its target', () => {
    expect(laneOf(message('a', '1'))).toBe('orders:a');
    expect(laneOf(message('a', '1', 'payments'))).toBe('payments:a');
    expect(laneOf(message(undefined, '1'))).toBeUndefined();
  });

  it('is of its own for each message without a key', () => {
    const messages = [message(undefined, '1'), message('a', '2'), message(undefined, '3')];
    expect(
      byLane([...messages, message('a', '4'), message('a', '5', 'payments')]).map(idsOf),
    ).toEqual([['1'], ['2', '4'], ['3'], ['5']]);
  });
});

function caught(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
