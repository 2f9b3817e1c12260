import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';
import { RequestBatcher, type BatchLimits } from '@parley/messaging/transport';

/** SQS takes no more in one request. */
const MOST = 10;

export type Entry = { readonly Id: string };

/** SQS took the others of a request, but not this one. */
export class EntryRefusedError extends Error {
  override readonly name = 'EntryRefusedError';
  constructor(
    private readonly code: string,
    message: string,
    /** True when it would be refused again. */
    readonly isOurFault: boolean,
  ) {
    super(`${code}: ${message}`);
  }

  /** True when its contents are refused. */
  get isForGood(): boolean {
    return /InvalidMessageContents|InvalidParameterValue/.test(this.code);
  }
}

/** SQS names the entries of a request, and answers by their names. */
export function batchesOf<E>(
  request: (entries: (E & Entry)[]) => Promise<{ Failed?: BatchResultErrorEntry[] }>,
  limits: Omit<BatchLimits<E>, 'most'> = {},
): RequestBatcher<E> {
  const named = async (entries: readonly E[]) => {
    const { Failed = [] } = await request(
      entries.map((entry, place) => ({ ...entry, Id: String(place) })),
    );
    const refusals = new Map(
      Failed.map(({ Id, Code = 'unknown', Message = '', SenderFault }) => [
        Id,
        new EntryRefusedError(Code, Message, SenderFault === true),
      ]),
    );
    return entries.map((_, place) => refusals.get(String(place)));
  };
  return new RequestBatcher(named, { ...limits, most: MOST });
}
