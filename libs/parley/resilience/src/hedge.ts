import { startTimer } from './timer';

/** One of several requests for the same answer. */
export type Try<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Makes a request, and a second one when it is not answered after `afterMs`; resolves with the
 * first good answer and aborts the other request. When the first fails before that time, there is no
 * second; when both fail, the first failure counts.
 * @param mayHedge asked when the time has come: whether there may be a second one
 * @param isGood whether to stop waiting for the other one
 */
export async function hedged<T>(
  request: Try<T>,
  afterMs: number,
  mayHedge: () => boolean,
  isGood: (answer: T) => boolean,
): Promise<T> {
  const first = new AbortController();
  const second = new AbortController();
  const asked = request(first.signal);
  const hedge = new Promise<{ readonly answer?: Promise<T> }>((resolve) => {
    const cancel = startTimer(afterMs, () =>
      resolve(mayHedge() ? { answer: request(second.signal) } : {}),
    );
    const settled = () => {
      cancel();
      resolve({});
    };
    asked.then(settled, settled);
  });
  const { answer: other } = await hedge;
  if (!other) return asked;
  const answers = [asked, other].map(async (each) => {
    const answer = await each;
    if (!isGood(answer)) throw new Error('the other request may be answered better');
    return answer;
  });
  try {
    return await Promise.any(answers);
  } catch {
    return await asked;
  } finally {
    const over = new DOMException('another request was answered first', 'AbortError');
    first.abort(over);
    second.abort(over);
  }
}
