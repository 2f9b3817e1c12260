import { JetStreamApiError } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import {
  bugIn,
  type OutgoingMessage,
  PublishErrors,
  sendInOrder,
} from '@parley/messaging/transport';
import type { Address } from './address';
import { type Connection, TopologyMismatchError } from './connection';
import { subjectOf, type Topology } from './topology';
import { ENVELOPE_BYTES, payloadOf } from './wire';

const CONFIRMED_WITHIN_MS = 10_000;
/** The few bytes of a NATS message beside its payload: the content type. */
const HEADER_BYTES = 100;

/** Puts messages into the streams of their owners. */
export class Publisher {
  private readonly errors: PublishErrors;

  constructor(
    private readonly connection: Connection,
    private readonly address: Address,
    private readonly topology: Topology,
  ) {
    this.errors = new PublishErrors(`NATS at ${address}`);
  }

  /** Bytes of the largest body, as the server says. */
  get maxBodyBytes(): number {
    return this.maxPayloadBytes - ENVELOPE_BYTES;
  }

  /** In order per key: one unconfirmed at a time. Different keys side by side. */
  publishInOrder(messages: readonly OutgoingMessage[]): Promise<void> {
    return sendInOrder(messages, (message) => this.publish(message));
  }

  private get maxPayloadBytes(): number {
    return this.connection.maxPayloadBytes - HEADER_BYTES;
  }

  private async publish(message: OutgoingMessage): Promise<void> {
    const { contract, envelope } = message;
    const subject = subjectOf(this.address, contract, envelope.partitionkey);
    const payload = payloadOf(message);
    if (payload.length > this.maxPayloadBytes)
      throw this.errors.unacceptable(
        subject,
        `it has ${payload.length} bytes, its envelope included, and NATS takes ${this.maxPayloadBytes}`,
      );
    if (!this.connection.isUp) throw this.errors.notConnected();
    try {
      await this.topology.ensureStream(contract.owner, contract.kind);
      const contentType = headers();
      contentType.set('content-type', 'application/cloudevents+json; charset=UTF-8');
      await this.connection.streams.publish(subject, payload, {
        headers: contentType,
        timeout: CONFIRMED_WITHIN_MS,
      });
    } catch (error) {
      throw this.failure(contract, subject, error);
    }
  }

  private failure({ owner, kind }: OutgoingMessage['contract'], subject: string, error: unknown) {
    const bug = bugIn(error);
    if (bug || error instanceof TopologyMismatchError) return bug ?? error;
    const why = error instanceof Error ? error.message : String(error);
    // The subject has no stream: it is gone.
    if (error instanceof Error && error.name === 'JetStreamNotEnabled') {
      this.topology.forget(owner, kind);
      return this.errors.notStored(subject, 'no stream takes it', error);
    }
    if (error instanceof JetStreamApiError) return this.errors.notStored(subject, why, error);
    return this.errors.unconfirmed(subject, why, error);
  }
}
