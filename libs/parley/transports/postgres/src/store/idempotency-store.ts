import {
  IDEMPOTENCY_RETENTION_DAYS,
  type CallResult,
  type IdempotencyState,
  type KeyedRequest,
  type RequestClaim,
  type IdempotencyStore,
  type Tx,
} from '@parley/messaging/transport';
import type { Database, Statement } from '../connection/database';
import { newToken } from '../cloudevents';
import { fence, meaningOf } from './transaction';

/** Replies of calls by idempotency key, in the service's own database. */
export class PostgresIdempotencyStore implements IdempotencyStore {
  constructor(
    private readonly database: Database,
    private readonly service: string,
  ) {}

  async begin({ scope, print }: KeyedRequest, lease: number): Promise<IdempotencyState> {
    const token = newToken();
    const values = [
      this.service,
      scope,
      print,
      token,
      Math.ceil(lease),
      `${IDEMPOTENCY_RETENTION_DAYS} days`,
    ];
    const [row] = await this.database.call<BegunRow>(BEGIN, values);
    const { state, ok, answer } = row!;
    if (state === 'ours') return { state, claim: { scope, print, token } };
    return state === 'done' ? { state, answer: answerOf(ok!, answer!) } : { state };
  }

  async complete(
    tx: Tx | undefined,
    { scope, token }: RequestClaim,
    answer: CallResult,
  ): Promise<void> {
    const values = [
      this.service,
      scope,
      token,
      answer.ok,
      answer.ok ? answer.body : Buffer.from(JSON.stringify(answer.fault)),
    ];
    if (tx) await fence(tx, COMPLETE, values);
    else
      await this.database.call(COMPLETE, values).catch((error) => Promise.reject(meaningOf(error)));
  }

  async release({ scope, token }: RequestClaim): Promise<void> {
    await this.database.call(RELEASE, [this.service, scope, token]);
  }
}

interface BegunRow {
  readonly state: IdempotencyState['state'];
  readonly ok: boolean | null;
  readonly answer: Buffer | null;
}

const answerOf = (ok: boolean, answer: Buffer): CallResult =>
  ok
    ? { ok, body: answer }
    : { ok, fault: JSON.parse(answer.toString()) as Extract<CallResult, { ok: false }>['fault'] };

const BEGIN: Statement = {
  name: 'parley_begin_request',
  text: 'select * from parley.begin_request($1, $2, $3, $4, $5, $6)',
};
const COMPLETE: Statement = {
  name: 'parley_complete_request',
  text: 'select parley.complete_request($1, $2, $3, $4, $5)',
};
const RELEASE: Statement = {
  name: 'parley_release_request',
  text: 'select parley.release_request($1, $2, $3)',
};
