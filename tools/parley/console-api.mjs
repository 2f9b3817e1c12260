// The console's API, as the command line needs it.
import os from 'node:os';
import { asOperator } from '../dev/operations-token.mjs';
import { readRun } from '../dev/run-file.mjs';

/** The system said no, or nothing. */
export class Refusal extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const PATIENCE = 15_000;

export class ConsoleApi {
  constructor(operator = process.env.PARLEY_OPERATOR ?? os.userInfo().username) {
    this.operator = operator;
    this.url = process.env.CONSOLE_URL ?? readRun()?.consoleUrl;
    // The token of the start that runs here is for its own console only.
    this.authorization = process.env.CONSOLE_URL ? asOperator({}) : asOperator();
    if (!this.url)
      throw new Refusal(
        'Parley is not running here: type "npm start" in another terminal first, or set CONSOLE_URL.',
      );
  }

  get(path, query = {}) {
    const known = Object.entries(query).filter(([, value]) => value !== undefined);
    return this.#ask(`${path}${known.length ? `?${new URLSearchParams(known)}` : ''}`);
  }

  post(path, body) {
    const headers = { 'content-type': 'application/json', 'x-operator': encodeName(this.operator) };
    return this.#ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async #ask(path, options) {
    const headers = { ...options?.headers, ...this.authorization };
    const response = await fetch(new URL(`/api/${path}`, this.url), {
      ...options,
      headers,
      signal: AbortSignal.timeout(PATIENCE),
    }).catch((error) => {
      throw new Refusal(
        `The console at ${this.url} does not answer (${error.cause?.message || error.message}); is the system running?`,
      );
    });
    const text = await response.text();
    const answer = parse(text);
    if (response.ok && answer !== undefined) return answer;
    if (response.status === 401)
      throw new Refusal(
        `The console at ${this.url} asks for the token of operations: set OPERATIONS_TOKEN to the one its services have.`,
        401,
      );
    throw new Refusal(
      answer?.message ??
        answer?.detail ??
        answer?.title ??
        `The console at ${this.url} answered ${response.status}: ${text.slice(0, 300)}`,
      response.status,
    );
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** HTTP headers are Latin-1: what is not goes as its nearest letters, or as a question mark. */
const encodeName = (name) =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x20-\x7e]/g, '?');
