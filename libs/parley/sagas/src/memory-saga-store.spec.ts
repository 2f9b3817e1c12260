import { MemorySagaStore } from './memory-saga-store';
import { describeSagaStore } from './saga-store-spec';

describeSagaStore('memory', async () => {
  const store = new MemorySagaStore(() => Date.now());
  let last: Promise<unknown> = Promise.resolve();
  // One transaction at a time, taken back as a whole: what @parley/memory promises its stores.
  const transaction = <T>(work: (tx: object) => Promise<T>): Promise<T> => {
    const undone: (() => void)[] = [];
    const run = async () => {
      try {
        return await work({ undo: (step: () => void) => undone.unshift(step) });
      } catch (error) {
        for (const step of undone) step();
        throw error;
      }
    };
    const result = last.then(run, run);
    last = result.catch(() => undefined);
    return result;
  };
  return { store, transaction, close: async () => undefined };
});
