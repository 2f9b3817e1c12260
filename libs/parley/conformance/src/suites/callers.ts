import { randomUUID } from 'node:crypto';
import { type CanActivate, Controller, type ExecutionContext, UseGuards } from '@nestjs/common';
import { call } from '@parley/contract';
import {
  type CallContext,
  CallNotAllowedError,
  type CallersOptions,
  Handles,
  type Technology,
} from '@parley/messaging';
import { z } from 'zod';
import { asking } from '../harness/call-trial';
import { CertificateFolder, certificateFor, type Issued, makeCa } from '../harness/certificates';
import { freePort } from '../harness/free-port';
import { Instance } from '../harness/instance';

const question = { request: z.object({ n: z.number() }), reply: z.object({ n: z.number() }) };
const Quote = call('rates.quote', { ...question, idempotent: true });
const Change = call('rates.change', question);
const Secret = call('rates.secret', question);

/** The callers of an owner: who they are, and what they may, the same on every technology. */
export function callersSuite(technology: Technology): void {
  const open: { stop(): Promise<void> }[] = [];
  const folders: CertificateFolder[] = [];
  const contexts: CallContext[] = [];
  let ca: Issued;
  let port: number;

  const guarded = { proof: undefined as string | undefined };
  class OrdersOnly implements CanActivate {
    canActivate(execution: ExecutionContext): boolean {
      const { caller } = execution.switchToRpc().getContext<CallContext>();
      guarded.proof = caller.proof;
      return caller.service === 'orders' && caller.proof !== undefined;
    }
  }
  @Controller()
  class Rates {
    @Handles(Quote)
    quote({ n }: { n: number }, context: CallContext) {
      contexts.push(context);
      return { n };
    }
    @Handles(Change)
    change({ n }: { n: number }, context: CallContext) {
      contexts.push(context);
      return { n };
    }
    @Handles(Secret)
    @UseGuards(new OrdersOnly())
    secret({ n }: { n: number }, context: CallContext) {
      contexts.push(context);
      return { n };
    }
  }

  beforeAll(async () => {
    ca = await makeCa();
  });
  beforeEach(async () => {
    contexts.length = 0;
    port = await freePort();
  });
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop();
  });
  afterAll(() => {
    for (const folder of folders) folder.remove();
  });

  /** @param byTls default: by mutual TLS */
  async function start(service: string, callers?: CallersOptions, byTls = true) {
    const folder = new CertificateFolder(ca.cert, await certificateFor(service, ca));
    folders.push(folder);
    const [plain, secure] = technology.schemes;
    const url = `${byTls ? secure : plain}://127.0.0.1:${port}${byTls ? folder.mutual : ''}`;
    const isOwner = service === 'rates';
    const instance = await Instance.start(
      service,
      `${service}-1`,
      {
        options: {
          urls: { calls: () => url },
          ...(isOwner && { listen: { host: '127.0.0.1', port } }),
          technologies: [technology],
        },
        kill: () => 0,
        alive: () => true,
        close: async () => undefined,
      },
      isOwner ? [Rates] : [],
      { callers },
    );
    open.push(instance);
    return instance;
  }

  describe(`callers by ${technology.name}`, () => {
    it('that are allowed are answered, and known to the handler', async () => {
      await start('rates', { allowed: ['orders'] });
      const { messenger } = await start('orders');
      expect(await messenger.call(Quote, { n: 1 })).toEqual({ n: 1 });
      expect(contexts[0]!.caller).toEqual({ service: 'orders', proof: 'certificate' });
    });

    it('that are not allowed are refused, once, without a trace in the handler', async () => {
      const rates = await start('rates', { allowed: ['orders'] });
      const shipping = await start('shipping');
      for (let n = 0; n < 30; n++)
        await expect(shipping.messenger.call(Quote, { n })).rejects.toBeInstanceOf(
          CallNotAllowedError,
        );
      await expect(shipping.messenger.call(Change, { n: 1 })).rejects.toThrow(
        'rates.change: rates does not allow this call (shipping may not call rates.change); nothing was done',
      );
      expect(contexts).toEqual([]);
      expect(rates.complaints).toEqual([
        'rates-1: shipping may not call rates.quote: refused; further calls of this caller are only counted',
      ]);
      // 31 calls, 31 requests: none was made again, and no circuit opened.
      expect(rates.answers.map(({ outcome }) => outcome)).toEqual(Array(31).fill('not-allowed'));
      const [target] = shipping.messaging.introspection.callState().targets;
      expect(target!.circuit).toBe('closed');
    });

    it('are allowed single contracts', async () => {
      const rates = await start('rates', {
        allowed: ['orders'],
        allowedFor: { [Change.name]: ['shipping'] },
      });
      const [orders, shipping] = [await start('orders'), await start('shipping')];
      expect(await shipping.messenger.call(Change, { n: 1 })).toEqual({ n: 1 });
      expect(await orders.messenger.call(Quote, { n: 1 })).toEqual({ n: 1 });
      for (const [caller, contract] of [
        [orders, Change],
        [shipping, Quote],
      ] as const)
        await expect(caller.messenger.call(contract, { n: 1 })).rejects.toBeInstanceOf(
          CallNotAllowedError,
        );
      const callersOf = (name: string) =>
        rates.messaging.introspection.handlerInfo().find(({ contract }) => contract === name)!
          .callers;
      expect([callersOf(Quote.name), callersOf(Change.name)]).toEqual([['orders'], ['shipping']]);
    });

    it('are seen by guards, proven or not', async () => {
      await start('rates');
      const [orders, shipping] = [await start('orders'), await start('shipping')];
      expect(await orders.messenger.call(Secret, { n: 1 })).toEqual({ n: 1 });
      expect(guarded.proof).toBe('certificate');
      await expect(shipping.messenger.call(Secret, { n: 2 })).rejects.toMatchObject({
        code: 'unhandled',
      });
      expect(contexts).toHaveLength(1);
    });

    it('are unproven without certificates: their name is what they say', async () => {
      await start('rates', undefined, false);
      const { messenger } = await start('orders', undefined, false);
      await messenger.call(Quote, { n: 1 });
      expect(contexts[0]!.caller).toEqual({ service: 'orders' });
    });

    it('that say another name than their certificate are known by the certificate', async () => {
      await start('rates');
      const orders = await start('orders');
      const { envelope } = await said(orders, 'gateway');
      expect(envelope.source).toBe('/orders');
    });

    it('that are chosen by name need a proof: the owner does not start without', async () => {
      await expect(start('rates', { allowed: ['orders'] }, false)).rejects.toThrow(
        /^CALLS_ALLOWED says who may call, but nothing proves who calls: add the CA/,
      );
    });
  });

  /** Asks in the name of another service. */
  async function said(instance: Instance, other: string): Promise<CallContext> {
    const headers = { id: randomUUID(), type: Quote.name, source: `/${other}` };
    await instance.ask(asking('{"n":1}', { contract: Quote, headers }));
    return contexts[0]!;
  }
}
