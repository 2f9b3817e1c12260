import { PaymentProvider, ProviderRefusedError } from './provider';
import {
  OutcomeUnknownError,
  type ProviderAnswer,
  type ProviderConnection,
} from './provider-connection';

const command = { orderId: '018f7f0e-0000-7000-8000-000000000001', amount: 990, token: 'tok_ok' };
const signal = new AbortController().signal;

/** A provider that gives these answers, one after the other, and the questions it was asked. */
function answering(...answers: (ProviderAnswer | Error)[]) {
  const asked: string[] = [];
  const ask = async (method: string, path: string): Promise<ProviderAnswer> => {
    asked.push(`${method} ${path}`);
    const answer = answers[asked.length - 1]!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, provider: new PaymentProvider({ ask } as unknown as ProviderConnection) };
}

const unheard = new OutcomeUnknownError('POST /charges', 'ECONNRESET');
const captured = { status: 'captured', id: 'r', amount: 990 };
const LOOK_UP = `GET /charges?key=${encodeURIComponent(`${command.orderId}:charge`)}`;

describe('the payment provider, as payments sees it', () => {
  it('is asked once when it answers', async () => {
    const { provider, asked } = answering({ status: 201, body: captured });
    expect(await provider.charge(command, signal)).toEqual({
      status: 'captured',
      amount: 990,
      reference: 'r',
    });
    expect(asked).toEqual(['POST /charges']);
  });

  it('is looked up when its answer was not heard', async () => {
    const { provider, asked } = answering(unheard, { status: 200, body: captured });
    expect(await provider.charge(command, signal)).toMatchObject({ status: 'captured' });
    expect(asked).toEqual(['POST /charges', LOOK_UP]);
  });

  it.each([
    ['nothing', { status: 404, body: {} }],
    ['a charge under way', { status: 200, body: { status: 'pending' } }],
  ])('is told to void the charge when it knows of %s', async (_, found) => {
    const { provider, asked } = answering(unheard, found, {
      status: 200,
      body: { status: 'voided' },
    });
    expect(await provider.charge(command, signal)).toEqual({
      status: 'declined',
      reason: 'outcome unknown, not captured',
    });
    expect(asked).toEqual(['POST /charges', LOOK_UP, 'POST /charges/void']);
  });

  it('is believed when it captured between the look-up and the void', async () => {
    const { provider } = answering(
      unheard,
      { status: 404, body: {} },
      { status: 200, body: captured },
    );
    expect(await provider.charge(command, signal)).toMatchObject({ status: 'captured' });
  });

  it('is not believed to have declined when it cannot be looked up', async () => {
    const { provider } = answering(unheard, unheard);
    await expect(provider.charge(command, signal)).rejects.toThrow(OutcomeUnknownError);
  });

  it.each([
    { status: 422, body: { error: 'KeyReusedError' } },
    { status: 201, body: 'thanks' },
  ])('is left to a person when it answers what nobody understands', async (answer) => {
    await expect(answering(answer).provider.charge(command, signal)).rejects.toThrow(
      ProviderRefusedError,
    );
  });

  it('gives nothing back when nothing was captured, and captures nothing any more', async () => {
    const { provider, asked } = answering({ status: 200, body: { status: 'voided' } });
    expect(await provider.refund(command.orderId, signal)).toEqual({ amount: 0 });
    expect(asked).toEqual(['POST /charges/void']);
  });
});
