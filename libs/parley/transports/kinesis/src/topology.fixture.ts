import {
  DeleteStreamCommand,
  KinesisClient,
  ListStreamsCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Address } from './address';

/** The Kinesis of the tests, asked and changed behind the back of the code on trial. */
export class TrialStreams {
  private constructor(readonly client: KinesisClient) {}

  static at(url: string): TrialStreams {
    const { region, endpoint, credentials } = new Address(url);
    return new TrialStreams(
      new KinesisClient({ region, endpoint, credentials, requestHandler: new NodeHttpHandler() }),
    );
  }

  async list(): Promise<readonly string[]> {
    const names: string[] = [];
    for (let more = true; more;) {
      const page = await this.client.send(
        new ListStreamsCommand({ Limit: 100, ExclusiveStartStreamName: names.at(-1) }),
      );
      names.push(...(page.StreamNames ?? []));
      more = page.HasMoreStreams === true;
    }
    return names;
  }

  async drop(which: (name: string) => boolean): Promise<void> {
    for (const name of (await this.list()).filter(which)) {
      await this.client
        .send(new DeleteStreamCommand({ StreamName: name }))
        .catch((error: unknown) => {
          if (!(error instanceof ResourceNotFoundException)) throw error; // a list still tells of those that are just going
        });
    }
  }
}
