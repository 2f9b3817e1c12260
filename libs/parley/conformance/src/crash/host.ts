import type { INestApplication } from '@nestjs/common';
import { Subscription, type HandlerContext, type HandlerOptions } from '@parley/messaging';
import { TRANSPORT_ID, type Consumer } from '@parley/messaging/transport';
import type { Contract } from '@parley/contract';

/** One handler, as a controller would declare it. */
export interface Work {
  readonly contract: Contract;
  readonly options?: HandlerOptions;
  /** Events only. */
  readonly subscription?: string;
  readonly handle: (message: never, context: HandlerContext<object>) => Promise<void>;
}

/**
 * The parts of a Nest application that `Messaging` needs, without Nest: binds handlers to the
 * strategies of their kinds, and lets them consume.
 */
export class Host {
  private readonly strategies: Consumer[] = [];

  constructor(private readonly works: readonly Work[]) {}

  get asApplication(): INestApplication {
    return this as unknown as INestApplication;
  }

  connectMicroservice({ strategy }: { readonly strategy: Consumer }): void {
    this.strategies.push(strategy);
    for (const work of this.works) {
      if (TRANSPORT_ID[work.contract.kind] !== strategy.transportId) continue;
      const { contract, options = {}, subscription = 'work', handle } = work;
      const handlerClass = class {};
      Subscription(subscription)(handlerClass);
      (strategy as unknown as Binder).addHandler(contract.name, handle, true, {
        contract,
        options,
        handlerClass,
        method: contract.name,
      });
    }
  }

  async startAllMicroservices(): Promise<void> {
    await Promise.all(this.strategies.map((strategy) => listening(strategy)));
  }

  /** For any provider: there is none. */
  get(): ReadonlyMap<never, never> {
    return new Map<never, never>();
  }
}

interface Binder {
  addHandler(pattern: string, run: unknown, isEvent: boolean, extras: object): void;
}

const listening = (strategy: Consumer): Promise<void> =>
  new Promise((resolve, reject) =>
    strategy.listen((error?: unknown) =>
      error === undefined || error === null ? resolve() : reject(error as Error),
    ),
  );
