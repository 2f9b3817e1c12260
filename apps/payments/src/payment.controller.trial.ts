import { randomUUID } from 'node:crypto';
import {
  type ChargePayment,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
} from '@contracts/payments';
import type { Store } from '@parley/messaging';
import { HandlerTestKit } from '@parley/testing';
import { PaymentController } from './payment.controller';
import type { PaymentStore } from './payment.store';
import { PaymentProvider } from './provider';
import {
  OutcomeUnknownError,
  ProviderConnection,
  ProviderUnavailableError,
} from './provider-connection';

/** A provider over HTTP, with a ledger of its own. */
export interface ProviderOnTrial {
  readonly url: string;
  close(): Promise<void>;
}

export interface Parts {
  readonly store: PaymentStore<never>;
  readonly database: Pick<Store, 'transaction'>;
  close?(): Promise<void>;
}

/** Milliseconds the provider is waited for: less than a slow card takes. */
const PATIENCE = 600;

/** Promises of payments, for every store. */
export function paymentsTrial(
  name: string,
  openProvider: () => Promise<ProviderOnTrial>,
  open: () => Promise<Parts>,
): void {
  describe(`payments, with its data in ${name}`, () => {
    let provider: ProviderOnTrial;
    let parts: Parts;
    let connection: ProviderConnection;
    let trial: HandlerTestKit;
    let payments: PaymentController;

    const order = (token: string, orderId: string = randomUUID()): ChargePayment => ({
      orderId,
      amount: 990,
      token,
    });
    const ledger = async (orderId: string) =>
      (await (await fetch(`${provider.url}/ledger?reference=${orderId}`)).json()) as {
        captured: number;
        refunded: number;
        count: number;
      };
    const admin = (change: object) =>
      fetch(`${provider.url}/admin`, { method: 'POST', body: JSON.stringify(change) });
    const charge = (command: ChargePayment, circumstances = {}) =>
      trial.handle((context) => payments.charge(command, context), circumstances);
    const refund = (orderId: string, circumstances = {}) =>
      trial.handle(
        (context) => payments.refund({ orderId, reason: 'test' }, context),
        circumstances,
      );
    /** As the kit retries: at once, three times; `most` where later deliveries count, too. */
    const chargeUntilDone = async (command: ChargePayment, most = 3) => {
      for (let tries = 1; ; tries++) {
        const failure = await charge(command).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failure === undefined) return tries;
        if (tries > most) throw failure;
      }
    };

    beforeAll(async () => {
      provider = await openProvider();
      parts = await open();
      connection = new ProviderConnection(new URL(provider.url), PATIENCE);
    });
    beforeEach(() => {
      trial = new HandlerTestKit('payments', parts.database);
      payments = new PaymentController(
        new PaymentProvider(connection),
        parts.store as never,
        trial.messenger,
      );
    });
    afterAll(async () => {
      connection.close();
      await parts.close?.();
      await provider.close();
    });

    it('captures and says so', async () => {
      const command = order('tok_ok');
      await charge(command);
      expect(trial.messages(PaymentCaptured)).toEqual([
        { orderId: command.orderId, amount: 990, reference: expect.any(String) },
      ]);
      expect(await ledger(command.orderId)).toMatchObject({ captured: 990, count: 1 });
    });

    it('passes the reason of a refusal on', async () => {
      const command = order('tok_declined');
      await charge(command);
      expect(trial.sent).toEqual([
        {
          contract: PaymentDeclined.name,
          message: { orderId: command.orderId, reason: 'insufficient funds' },
        },
      ]);
    });

    it('charges once when it dies between the provider and the commit', async () => {
      const command = order('tok_ok');
      await expect(charge(command, { crash: true })).rejects.toThrow('before the commit');
      expect(trial.sent).toEqual([]);
      expect(await ledger(command.orderId)).toMatchObject({ captured: 990, count: 1 });
      await charge(command, { attempt: 2 });
      expect(trial.messages(PaymentCaptured)).toHaveLength(1);
      expect(await ledger(command.orderId)).toMatchObject({ captured: 990, count: 1 });
    });

    it('charges once and answers once when the same order is charged again', async () => {
      const command = order('tok_ok');
      await charge(command);
      await charge(command);
      expect(trial.sent).toHaveLength(1);
      expect(await ledger(command.orderId)).toMatchObject({ captured: 990, count: 1 });
    });

    it('charges once and answers once when it is delivered to two at the same time', async () => {
      const command = order('tok_ok');
      const handlings = await Promise.allSettled([
        charge(command),
        charge(command),
        charge(command),
      ]);
      expect(handlings.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
      await charge(command);
      expect(trial.sent).toHaveLength(1);
      expect(await ledger(command.orderId)).toMatchObject({ captured: 990, count: 1 });
    });

    it('captures with a flaky card by trying again', async () => {
      const tries = await chargeUntilDone(order('tok_flaky'));
      expect([2, 3]).toContain(tries);
      expect(trial.messages(PaymentCaptured)).toHaveLength(1);
    });

    it('settles every unknown outcome as the provider has it, and nothing is captured afterwards', async () => {
      const commands = Array.from({ length: 24 }, () => order('tok_unknown'));
      await Promise.all(commands.map((command) => chargeUntilDone(command, 12)));
      const captured = trial
        .messages(PaymentCaptured)
        .map((message) => (message as PaymentCaptured).orderId);
      const declined = trial
        .messages(PaymentDeclined)
        .map((message) => (message as PaymentDeclined).orderId);
      expect([...captured, ...declined].sort()).toEqual(
        commands.map(({ orderId }) => orderId).sort(),
      );
      for (const { orderId } of commands)
        expect((await ledger(orderId)).captured).toBe(captured.includes(orderId) ? 990 : 0);
      for (const orderId of declined) expect(await tryToCapture(orderId)).toBe(402);
    });

    const tryToCapture = async (orderId: string) => {
      const body = JSON.stringify({ amount: 990, token: 'tok_ok', reference: orderId });
      return (
        await fetch(`${provider.url}/charges`, {
          method: 'POST',
          body,
          headers: { 'idempotency-key': `${orderId}:charge` },
        })
      ).status;
    };

    it('declines when the provider is too slow, and voids the charge so that it cannot be captured late', async () => {
      const command = order('tok_slow'); // slower than our patience here
      await charge(command);
      expect(trial.messages(PaymentDeclined)).toEqual([
        { orderId: command.orderId, reason: 'outcome unknown, not captured' },
      ]);
      expect(await tryToCapture(command.orderId)).toBe(402); // waits for the slow one, too
      expect(await ledger(command.orderId)).toMatchObject({ captured: 0 });
    });

    it('says nothing while the provider is down, and charges when it is back', async () => {
      const command = order('tok_ok');
      await admin({ down: true });
      await expect(charge(command)).rejects.toThrow(ProviderUnavailableError);
      await admin({ down: false });
      expect(trial.sent).toEqual([]);
      await charge(command);
      expect(trial.messages(PaymentCaptured)).toHaveLength(1);
    });

    it('says nothing while it can neither charge nor look up', async () => {
      const command = order('tok_ok');
      await admin({ delayMs: 2 * PATIENCE }); // every answer comes too late
      await expect(charge(command)).rejects.toThrow(OutcomeUnknownError);
      await admin({ delayMs: 0 });
      expect(trial.sent).toEqual([]);
      await charge(command);
      expect(trial.messages(PaymentCaptured)).toHaveLength(1);
      expect(await ledger(command.orderId)).toMatchObject({ captured: 990, count: 1 });
    });

    it('refunds once what was captured', async () => {
      const command = order('tok_ok');
      await charge(command);
      await expect(refund(command.orderId, { crash: true })).rejects.toThrow('before the commit');
      await refund(command.orderId);
      await refund(command.orderId);
      expect(trial.messages(PaymentRefunded)).toEqual([{ orderId: command.orderId, amount: 990 }]);
      expect(await ledger(command.orderId)).toMatchObject({
        captured: 990,
        refunded: 990,
        count: 2,
      });
    });

    it('refunds what was captured by a handling that never committed', async () => {
      const command = order('tok_ok');
      await expect(charge(command, { crash: true })).rejects.toThrow();
      await refund(command.orderId);
      expect(trial.messages(PaymentRefunded)).toEqual([{ orderId: command.orderId, amount: 990 }]);
      expect(await ledger(command.orderId)).toMatchObject({ captured: 990, refunded: 990 });
    });

    it('refuses a charge that comes after the order was given up', async () => {
      const command = order('tok_ok');
      await refund(command.orderId);
      await charge(command);
      expect(trial.messages(PaymentRefunded)).toEqual([{ orderId: command.orderId, amount: 0 }]);
      expect(trial.messages(PaymentDeclined)).toEqual([
        { orderId: command.orderId, reason: 'the order was cancelled' },
      ]);
      expect(await ledger(command.orderId)).toMatchObject({ captured: 0 });
    });
  });
}
