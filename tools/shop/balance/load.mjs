// Questions at a steady rate, and what became of those that failed.

/**
 * @typedef {object} Question
 * @property {string} name
 * @property {boolean} isRepeatable whether the kit may repeat it when its reply was lost
 * @property {() => Promise<unknown>} ask
 */

/** @typedef {{ question: Question, error: string, began: number }} Failure */

const TICK_MS = 5;

/**
 * Asks in turn, without waiting for replies.
 * @param {readonly Question[]} questions
 * @param {number} perSecond
 * @returns `stop` resolves when every question has its reply or its error
 */
export function load(questions, perSecond) {
  /** @type {Failure[]} */
  const failures = [];
  /** @type {Set<Promise<void>>} */
  const underWay = new Set();
  const started = performance.now();
  let sent = 0;
  /** @param {Question} question */
  const ask = (question) => {
    const began = performance.now();
    const asked = question
      .ask()
      .then(
        () => undefined,
        (error) => void failures.push({ question, error: error.name, began }),
      )
      .then(() => void underWay.delete(asked));
    underWay.add(asked);
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - started) / 1000) * perSecond;
    for (; sent < due; sent++) {
      const question = questions[sent % questions.length];
      if (question) ask(question);
    }
  }, TICK_MS);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      return { sent, failures };
    },
  };
}

/**
 * `2 × ReplyLostError of catalog.quote-price, not repeatable`
 * @param {readonly Failure[]} failures
 */
export function summaryOf(failures) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { question, error } of failures) {
    const what = `${error} of ${question.name}, ${question.isRepeatable ? '' : 'not '}repeatable`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `${count} × ${what}`).join('; ') || '0 failed';
}

/**
 * Calls that may fail when an instance dies: those that it had and that may not be repeated.
 * @param {readonly Failure[]} failures
 * @param {number} gone when it was, by performance.now()
 */
export const onlyLost = (failures, gone) =>
  failures.every(
    ({ question, error, began }) =>
      !question.isRepeatable && error === 'ReplyLostError' && began <= gone,
  );

/**
 * True when each part is within 5 % of the same share of the whole.
 * @param {readonly number[]} parts
 * @param {number} count how many there must be
 */
export function isEven(parts, count) {
  const share = parts.reduce((sum, part) => sum + part, 0) / count;
  return parts.length === count && parts.every((part) => Math.abs(part - share) <= 0.05 * share);
}
