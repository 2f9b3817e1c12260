import { Module, type DynamicModule } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Messaging, type Store } from '@parley/messaging';
import { isEncrypted } from '@parley/messaging/transport';
import { MemorySagaStore } from './memory-saga-store';
import { PostgresSagaStore } from './postgres-saga-store';
import { SagaError } from './saga';
import type { Definition } from './definition';
import { controllerOf } from './saga-controller';
import { SagaOperations } from './saga-operations';
import { SagaRepairs } from './saga-repairs';
import type { SagaStore } from './saga-store';
import { SealedSagaStore } from './sealed-saga-store';
import { SagaDispatcher } from './saga-dispatcher';
import { Timeouts } from './timeouts';
import { SagaRunner } from './saga-runner';

export const SAGA_STORE = Symbol('parley.saga-store');

/**
 * Runs sagas: their triggers as handlers, their timeouts as a worker beside the intakes. They are
 * kept in the database of the service's MessagingModule.
 */
@Module({})
export class SagaModule {
  static forRoot(sagas: readonly Definition[]): DynamicModule {
    refuseNamesakes(sagas);
    return {
      module: SagaModule,
      controllers: sagas.map(controllerOf),
      providers: [
        {
          provide: SAGA_STORE,
          useFactory: (messaging: Messaging) => sealedWhereNeeded(sagas, messaging),
          inject: [Messaging],
        },
        { provide: SagaRunner, useFactory: turnsOf, inject: [SAGA_STORE, Messaging, ModuleRef] },
        {
          provide: Timeouts,
          useFactory: (store: SagaStore, turns: SagaRunner, messaging: Messaging) =>
            timeoutsOf(sagas, store, turns, messaging),
          inject: [SAGA_STORE, SagaRunner, Messaging],
        },
        {
          provide: SagaOperations,
          useFactory: (store: SagaStore, turns: SagaRunner, messaging: Messaging) =>
            operationsOf(sagas, store, turns, messaging),
          inject: [SAGA_STORE, SagaRunner, Messaging],
        },
      ],
      exports: [SagaOperations],
    };
  }
}

function turnsOf(store: SagaStore, messaging: Messaging, modules: ModuleRef): SagaRunner {
  return new SagaRunner(
    store,
    new SagaDispatcher(messaging.messenger, modules),
    messaging.clock,
    messaging.log,
    messaging.passes,
    messaging.tracing,
  );
}

function operationsOf(
  sagas: readonly Definition[],
  store: SagaStore,
  turns: SagaRunner,
  { service, clock, transactions, deadLetters }: Messaging,
): SagaOperations {
  const place = { service, clock, transactions, letters: deadLetters?.letters };
  return new SagaOperations(
    sagas,
    store,
    transactions,
    place,
    new SagaRepairs(sagas, store, turns, place),
  );
}

function timeoutsOf(
  sagas: readonly Definition[],
  store: SagaStore,
  turns: SagaRunner,
  messaging: Messaging,
): Timeouts {
  const { service, instance, clock, log, transactions } = messaging;
  const timeouts = new Timeouts(sagas, store, turns, {
    service,
    instance,
    clock,
    log,
    transactions,
    suspects: messaging.store?.suspects,
    outageIn: (error) => messaging.outageIn(error),
    bounded: (facts, work) => messaging.bounded(facts, work),
  });
  messaging.addWorker(timeouts);
  return timeouts;
}

function sealedWhereNeeded(sagas: readonly Definition[], messaging: Messaging): SagaStore {
  const store = storeFor(messaging);
  return sagas.some(({ hidden }) => isEncrypted(hidden))
    ? new SealedSagaStore(store, sagas, messaging.subjectKeys)
    : store;
}

function storeFor({ store, clock }: Messaging): SagaStore {
  if (!store)
    throw new SagaError(
      'sagas are kept in the service’s own database; give MessagingModule a store',
    );
  return store.technology === 'memory' ? memoryOf(store, clock) : new PostgresSagaStore();
}

const memories = new WeakMap<Store, MemorySagaStore>();

/** Instances that share a store in memory share its sagas. */
function memoryOf(store: Store, clock: Messaging['clock']): MemorySagaStore {
  const memory = memories.get(store) ?? new MemorySagaStore(clock);
  memories.set(store, memory);
  return memory;
}

function refuseNamesakes(sagas: readonly Definition[]): void {
  const twice = sagas.find(
    (saga, index) => sagas.findIndex(({ name }) => name === saga.name) !== index,
  );
  if (twice)
    throw new SagaError(
      `there are two sagas "${twice.name}"; their state would mix: name one differently`,
    );
}
