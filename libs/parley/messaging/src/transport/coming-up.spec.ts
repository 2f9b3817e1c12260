import { notReady, untilUp } from './coming-up';

const loading = new Error('LOADING');
const wrong = new Error('WRONGPASS');
const notYet = (error: unknown) => (error === loading ? loading.message : undefined);

let logged: string[];
let attempts: number;
beforeEach(() => ([logged, attempts] = [[], 0]));

/** A broker that ends attempts as given, and takes those after them. */
const opening = (...ends: readonly Error[]) => ({
  broker: 'the cache',
  notYet,
  log: (_level: string, message: string) => void logged.push(message),
  attempt: async () => {
    const end = ends[attempts++];
    if (end) throw end;
    return 'open';
  },
});

describe('a broker that answers "not yet" at start', () => {
  it('is asked again until it is ready, and what it said is told', async () => {
    await expect(untilUp(opening(loading, loading))).resolves.toBe('open');
    expect(attempts).toBe(3);
    expect(logged).toEqual(['waiting for the cache, which is not ready yet: LOADING']);
  });

  it('is not waited for when its answer does not pass by itself', async () => {
    await expect(untilUp(opening(loading, wrong))).rejects.toBe(wrong);
    expect(attempts).toBe(2);
  });

  it('is waited for within bounds, and its last answer is the error', async () => {
    const ends = Array.from({ length: 100 }, () => loading);
    await expect(untilUp({ ...opening(...ends), patience: 600 })).rejects.toBe(loading);
    expect(attempts).toBe(2);
  });

  it('is not asked again when the process ends', async () => {
    let ends = false;
    const given = {
      ...opening(loading, loading),
      log: () => void (ends = true),
      isGivenUp: () => ends,
    };
    await expect(untilUp(given)).rejects.toBe(loading);
    expect(attempts).toBe(1);
  });

  it('is named with its answer at the end', () => {
    expect(notReady('LOADING')).toContain('not ready yet (LOADING)');
  });
});
