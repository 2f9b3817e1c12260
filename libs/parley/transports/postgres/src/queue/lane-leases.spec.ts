import type { Database } from '../connection/database';
import { LaneLeases } from './lane-leases';

const LEASE_MS = 30_000;
const row = {
  lane: '-5',
  attempts: 1,
  failure: null,
  id: '1',
  message_id: 'm',
  headers: Buffer.from('{}'),
  body: Buffer.from('{}'),
};

/** Replies of the database by the statement's name; an error is thrown. */
let answers: Record<string, readonly object[] | Error>;
const database = {
  call: async ({ name }: { readonly name: string }) => {
    const answer = answers[name]!;
    if (answer instanceof Error) throw answer;
    return answer;
  },
} as unknown as Database;

async function leased() {
  const leases = new LaneLeases(database, 1, LEASE_MS);
  const [lane] = await leases.claim(1, 0);
  await leases.renew(0);
  return { leases, lost: lane!.lost.signal };
}

beforeEach(() => (answers = { parley_claim: [row], parley_renew: [{ lane: '-5' }] }));

describe('a holder of a lane', () => {
  it('is told when it could not renew it for a whole lease, for by then somebody else may have it', async () => {
    const { leases, lost } = await leased();
    answers.parley_renew = new Error('the database does not answer');
    await expect(leases.renew(LEASE_MS - 1)).rejects.toThrow('does not answer');
    expect(lost.aborted).toBe(false);
    await expect(leases.renew(LEASE_MS)).rejects.toThrow('does not answer');
    expect(lost.aborted).toBe(true);
  });

  it('keeps it when a renewal fails and the next one does not', async () => {
    const { leases, lost } = await leased();
    answers.parley_renew = new Error('the database does not answer');
    await expect(leases.renew(LEASE_MS - 1)).rejects.toThrow();
    answers.parley_renew = [{ lane: '-5' }];
    await leases.renew(LEASE_MS + 10_000);
    answers.parley_renew = new Error('the database does not answer');
    await expect(leases.renew(2 * LEASE_MS)).rejects.toThrow();
    expect(lost.aborted).toBe(false);
  });

  it('is told when it is somebody else’s', async () => {
    const { leases, lost } = await leased();
    answers.parley_renew = [];
    await leases.renew(10_000);
    expect(lost.aborted).toBe(true);
  });
});
