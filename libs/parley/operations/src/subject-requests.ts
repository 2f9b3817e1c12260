import type { Messaging } from '@parley/messaging';
import { z } from 'zod';
import {
  type AdmittedRequest,
  type OperationsAnswer,
  failed,
  read,
  refusingBadRequests,
} from './operations-request';

const Erase = z.strictObject({ reason: z.string().trim().min(1).max(1000).optional() });

/** Serves `/operations/subjects/:subject`: the data subjects of messages, and their erasure. */
export class SubjectRequests {
  constructor(
    private readonly messaging: Messaging,
    /**
     * Description of the data about subjects in the service's own tables and files, which deleting
     * a key does not erase.
     */
    private readonly ownCopies: string | undefined,
    private readonly log: (message: string) => void,
  ) {}

  async show([subject, ...rest]: readonly string[]): Promise<OperationsAnswer> {
    const ring = this.messaging.subjectKeys;
    if (!ring || subject === undefined || rest.length > 0)
      return failed(404, 'there is nothing of that name');
    const record = await ring.keys.find(subject);
    return {
      status: 200,
      body: { subject, known: record !== undefined, ...record, ownCopies: this.ownCopies },
    };
  }

  async change(
    [subject, verb, ...rest]: readonly string[],
    request: AdmittedRequest,
  ): Promise<OperationsAnswer> {
    const ring = this.messaging.subjectKeys;
    if (!ring || !subject || verb !== 'erase' || rest.length > 0)
      return failed(404, 'there is nothing to change here');
    return refusingBadRequests(async () => {
      const { reason } = read(Erase, await request.body());
      const who = request.operator;
      const outcome = await ring.keys.erase(subject, {
        who,
        ...(reason !== undefined && { reason }),
      });
      ring.forget();
      if (outcome === 'erased') this.log(`${who} erased the subject ${subject}`);
      return { status: 200, body: { subject, outcome, ownCopies: this.ownCopies } };
    });
  }
}
