import { Kafka, logLevel } from 'kafkajs';

/**
 * Deletes the topics and groups of services that tests made, recognised by the prefix of their
 * names.
 */
export async function dropTopicsOf(url: string, services: Iterable<string>): Promise<void> {
  const own = new Set([...services].map((service) => service.split('-')[0]!));
  const isOwn = (name: string) => own.has(name.split(/[-.]/)[0]!);
  const admin = new Kafka({ brokers: [new URL(url).host], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter(isOwn);
    if (topics.length > 0) await admin.deleteTopics({ topics, timeout: 20_000 });
    const { groups } = await admin.listGroups();
    // Kafka still waits for the member of a group that was killed in a test, and forgets the group
    // later by itself.
    await admin
      .deleteGroups(groups.map(({ groupId }) => groupId).filter(isOwn))
      .catch(() => undefined);
  } finally {
    await admin.disconnect();
  }
}
