import { Address } from './address';
import { AmqpConnection } from './amqp-connection';
import { Management } from './management';
import { settingsOf } from './topology';

/** Runs `work` with the management of the broker. */
export async function managing<T>(
  url: string,
  work: (management: Management) => Promise<T>,
): Promise<T> {
  const line = new AmqpConnection(new Address(url), 'spec');
  await line.start();
  try {
    return await work(new Management(await line.arrival()));
  } finally {
    await line.close();
  }
}

/** Takes away all that the broker holds for these owners. */
export async function removeTraces(url: string, owners: readonly string[]): Promise<void> {
  await managing(url, async (management) => {
    for (const owner of owners) {
      const quietly = (operation: string, ...parameters: unknown[]) =>
        management.ask(operation, ...parameters).catch(() => undefined);
      const queues = (await management.queues(owner)).filter(
        ({ name }) => name === owner || name.startsWith(`${owner}.`),
      );
      await Promise.all(queues.map(({ name }) => quietly('destroyQueue', name, true, true)));
      await Promise.all(
        settingsOf(owner).map(([match]) => quietly('removeAddressSettings', match)),
      );
      await quietly('deleteAddress', `parley.${owner}.do-job`, true);
    }
  });
}
