import { sendInOrder } from './publish-in-order';
import type { OutgoingMessage } from '../message/message';

const message = (partitionkey: string | undefined, id: string) =>
  ({ contract: { owner: 'orders' }, envelope: { id, partitionkey } }) as unknown as OutgoingMessage;

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
