import {
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ListQueuesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { Address } from './address';

/** The SQS of the tests, asked and changed behind the back of the code on trial. */
export class TrialQueues {
  private constructor(readonly client: SQSClient) {}

  static at(url: string): TrialQueues {
    const { region, endpoint, credentials } = new Address(url);
    return new TrialQueues(
      new SQSClient({ region, endpoint, credentials, useQueueUrlAsEndpoint: false }),
    );
  }

  async list(prefix: string): Promise<readonly string[]> {
    const urls: string[] = [];
    let next: string | undefined;
    do {
      const page = await this.client.send(
        new ListQueuesCommand({ QueueNamePrefix: prefix, MaxResults: 1_000, NextToken: next }),
      );
      urls.push(...(page.QueueUrls ?? []));
      next = page.NextToken;
    } while (next !== undefined);
    return urls;
  }

  async attributes(url: string): Promise<Readonly<Record<string, string>>> {
    return (
      (
        await this.client.send(
          new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
        )
      ).Attributes ?? {}
    );
  }

  async drop(prefix: string, ends = true): Promise<void> {
    for (const url of await this.list(prefix))
      await this.client.send(new DeleteQueueCommand({ QueueUrl: url }));
    if (ends) this.client.destroy();
  }
}
