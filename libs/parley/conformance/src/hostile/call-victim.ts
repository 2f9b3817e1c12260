import { Controller } from '@nestjs/common';
import { call } from '@parley/contract';
import { Handles, type Technology } from '@parley/messaging';
import { z } from 'zod';
import { freePort } from '../harness/free-port';
import { Instance } from '../harness/instance';
import { GoodOrder, goodOrder } from './good-order';

const Quote = call('victim.quote-price', {
  request: GoodOrder,
  reply: z.object({ name: z.string() }),
});

/** A service that answers one call, for the hostile suite of a technology of calls. */
export class CallVictim {
  readonly contract = Quote;
  /** A request that is answered with `{"name":"Ada"}`. */
  readonly body = JSON.stringify(goodOrder.payload);
  port = 0;
  /** Calls that were handled so far. */
  handled = 0;
  /** Most calls that were handled at the same time. */
  peak = 0;
  private underWay = 0;
  private instance?: Instance;

  constructor(private readonly technology: Technology) {}

  async open(): Promise<void> {
    this.port = await freePort();
    const host = '127.0.0.1';
    const options = {
      urls: { calls: () => `${this.technology.schemes[0]}://${host}:${this.port}` },
      listen: { host, port: this.port },
      technologies: [this.technology],
    };
    this.instance = await Instance.start(
      'victim',
      'victim-1',
      { options, kill: () => 0, alive: () => true, close: async () => undefined },
      [this.controller()],
    );
  }

  async close(): Promise<void> {
    await this.instance?.stop();
  }

  /** Errors that its log has. */
  get complaints(): readonly string[] {
    return this.instance?.complaints ?? [];
  }

  private controller() {
    const quote = async (name: string) => {
      this.handled++;
      this.peak = Math.max(this.peak, ++this.underWay);
      await new Promise(setImmediate);
      this.underWay--;
      return { name };
    };
    @Controller()
    class Victim {
      @Handles(Quote)
      quote({ name }: GoodOrder) {
        return quote(name);
      }
    }
    return Victim;
  }
}
