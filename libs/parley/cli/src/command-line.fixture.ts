import { environmentOf } from './config';
import type { Addresses } from './fleet/fleet';
import { InstanceOnTrial } from './fleet/instance.fixture';
import { main } from './main';
import type { Terminal } from './output/terminal';
import type { Surroundings } from './session';

/** A terminal that keeps what was printed; nobody sits at it unless `answer` is set. */
export class RecordedTerminal implements Terminal {
  out = '';
  err = '';
  /** Stops the command, as Ctrl-C does. */
  stop: () => void = () => undefined;
  readonly isInteractive: boolean;

  constructor(
    readonly hasColours = false,
    private readonly answer?: string,
  ) {
    this.isInteractive = answer !== undefined;
  }

  print(text: string): void {
    this.out += `${text}\n`;
  }
  warn(text: string): void {
    this.err += `${text}\n`;
  }
  progress(): void {}
  ask(): Promise<string> {
    return Promise.resolve(this.answer ?? '');
  }
  onStop(stop: () => void): () => void {
    this.stop = stop;
    return () => undefined;
  }
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly variables?: NodeJS.ProcessEnv;
  readonly terminal?: RecordedTerminal;
  readonly surroundings?: Surroundings;
}

/** Runs the command line with an environment of its own. */
export async function parley(
  words: readonly string[],
  { variables = {}, terminal = new RecordedTerminal(), surroundings = {} }: RunOptions = {},
): Promise<Ran> {
  const environment = environmentOf({ PARLEY_OPERATOR: 'ada', ...variables });
  const code = await main(words, { environment, terminal, ...surroundings });
  return { code, out: terminal.out, err: terminal.err };
}

type Reply = { readonly status?: number; readonly body: unknown };

/** An instance that answers each request by the next of its answers; any other with 404. */
export class ScriptedInstance {
  /** By request: `GET /operations/backlog`. */
  answers: Record<string, Reply[]> = {};
  /** Bodies that were received. */
  readonly bodies: unknown[] = [];
  readonly operators: unknown[] = [];
  readonly tokens: unknown[] = [];
  private constructor(readonly instance: InstanceOnTrial) {}

  static async start(): Promise<ScriptedInstance> {
    const scripted: { of?: ScriptedInstance } = {};
    const instance = await InstanceOnTrial.start((request) => {
      const { of } = scripted;
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (chunks.length > 0) of?.bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
      });
      of?.tokens.push(request.headers.authorization);
      if (request.method === 'POST') of?.operators.push(request.headers['x-operator']);
      const asked = `${request.method} ${decodeURIComponent(request.url ?? '')}`;
      return of?.answers[asked]?.shift() ?? { status: 404, body: { message: `no ${asked}` } };
    });
    return (scripted.of = new ScriptedInstance(instance));
  }

  get url(): string {
    return this.instance.url;
  }

  clear(): void {
    this.answers = {};
    for (const list of [this.bodies, this.operators, this.tokens, this.instance.asked])
      list.length = 0;
  }
}

/** Surroundings in which the services are known without asking. */
export const at = (addresses: Addresses): Surroundings => ({ place: () => ({ addresses }) });
