import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { TrialDatabase } from '../../transports/postgres/src/trial-database.fixture';
import { ROOT, ServiceProcess } from './service-process.fixture';
import { StandIns } from './stubs.fixture';

/** Something that is wrong where a service starts. */
interface Fault {
  /** The fault, in words. */
  readonly with: string;
  /**
   * Variables. `{redis}` is where Redis listens, `{REDIS_URL}` its whole URL, `{website}` where a
   * stand-in listens; `{name}` is the service's name, `{role}` its role in the database, `{wrong}`
   * a wrong password.
   */
  readonly sets: Readonly<Record<string, string>>;
  /**
   * Everything that stderr has to contain. `…` stands for any text in one line. One of several
   * texts is enough: the answer of a peer that hangs up at once may be lost.
   */
  readonly says: string | readonly string[];
  /** Creates the fault; resolves to the function that removes it. */
  readonly finds?: (name: string) => Promise<() => Promise<unknown>>;
}

/** Faults by the technology that has them. */
export type Faults = Readonly<Record<string, readonly Fault[]>>;

const BROKERS: Readonly<Record<string, string>> = {
  rabbitmq: 'RABBITMQ_URL',
  kafka: 'KAFKA_URL',
  'kafka-with-users': 'KAFKA_SASL_URL',
  activemq: 'ACTIVEMQ_URL',
  sqs: 'SQS_URL',
  kinesis: 'KINESIS_URL',
  redis: 'REDIS_URL',
  mqtt: 'MQTT_URL',
};

/** In no other text, so that finding it anywhere means that it was told. */
const WRONG = 'wr0ng-pa55word';
/** The right password in a URL. */
const RIGHT = ':trial@';
const BUILT = '.data/failing-start';
const PROGRAM = `${BUILT}/libs/parley/service/src/failing-start.fixture.js`;
/** Seconds within which a start must fail. */
const PROMISED = 15;
/** Milliseconds. A process that still runs then, even on a busy machine, would run for ever. */
const FOR_EVER = 60_000;

/** A fault, and the service that meets it. The service's name, and so its queues, are its own. */
interface Start extends Fault {
  readonly technology: string;
  readonly name: string;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
  /** From when it had read its environment until it was gone; undefined: it was gone before. */
  readonly seconds?: number;
}

/** Declares a test for each fault: a process of a real service meets it, and ends as promised. */
export function startsFail(faults: Faults): void {
  jest.setTimeout(120_000);
  const trial = new FailingStarts(faults);
  beforeAll(() => trial.open());
  afterAll(() => trial.close());

  it('a start with nothing wrong succeeds: what is wrong ends the others', async () => {
    const service = trial.service(trial.fine);
    await service.says('is ready at');
    service.kill('SIGTERM');
    expect(await service.ended).toBe(0);
    expect(service.errors).toBe('');
  });

  describe.each(Object.keys(faults))(
    'a start with %s ends within 15 s, by itself and in one sentence, where there is',
    (technology) => {
      for (const start of trial.starts.filter((one) => one.technology === technology)) {
        (missingFor(start).length === 0 ? it : it.skip)(start.with, async () => {
          const { code, output, errors, seconds = 0 } = await trial.ended(start);
          expect(errors).toMatch(trial.sentence(start));
          expect(code).toBe(1);
          expect(seconds).toBeLessThan(PROMISED);
          // Neither as text nor inside of a log line.
          expect(output + errors).not.toMatch(/(\n|\\n)\s+at /);
          for (const password of [WRONG, RIGHT]) expect(output + errors).not.toContain(password);
        });
      }
    },
  );
}

class FailingStarts {
  readonly starts: readonly Start[];
  /** The name of a service that nothing is wrong with. */
  readonly fine: string;
  private readonly runnable: readonly Start[];
  private readonly begun = new Map<Start, Promise<Ended>>();
  private readonly standIns = new StandIns();
  private places: Readonly<Record<string, string>> = {};
  private database!: TrialDatabase;

  constructor(faults: Faults) {
    const run = `t${randomBytes(3).toString('hex')}`;
    this.fine = `${run}fine`;
    this.starts = Object.entries(faults)
      .flatMap(([technology, those]) => those.map((fault) => ({ ...fault, technology })))
      .map((fault, index) => ({ ...fault, name: `${run}x${index}` }));
    this.runnable = this.starts.filter((start) => missingFor(start).length === 0);
    const absent = [...new Set(this.starts.flatMap(missingFor))];
    if (absent.length > 0)
      process.stdout.write(
        `Failing starts: not all were run, for there is no ${absent.join(', no ')}\n`,
      );
  }

  async open(): Promise<void> {
    const names = [this.fine, ...this.starts.map(({ name }) => name)];
    this.database = await TrialDatabase.create(names);
    for (const name of names)
      await this.database.admin.query(
        `grant create on database ${this.database.name} to ${this.database.roleOf(name)}`,
      );
    const standIns = await this.standIns.open();
    const postgres = hostOf(process.env['PARLEY_TEST_POSTGRES']!);
    this.places = {
      ...brokers(),
      ...standIns,
      postgres,
      database: this.database.name,
      'website-port': standIns['website']!.split(':')[1]!,
    };
    await promisify(execFile)(
      process.execPath,
      ['tools/build/build.mjs', '--with-fixtures', BUILT],
      { cwd: ROOT },
    );
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.begun.values()); // one may have begun ahead
    this.standIns.close();
    await this.database.drop();
  }

  service(name: string, sets: Readonly<Record<string, string>> = {}): ServiceProcess {
    return new ServiceProcess([PROGRAM], {
      CALLS_PORT: '0',
      NAME: name,
      DATABASE_URL: this.database.url(name),
      ...sets,
    });
  }

  /** While one is looked at, the next one begins already: two at a time. */
  ended(start: Start): Promise<Ended> {
    const at = this.runnable.indexOf(start);
    for (const one of this.runnable.slice(at, at + 2)) {
      if (this.begun.has(one)) continue;
      const ending = this.run(one);
      ending.catch(() => undefined); // told where it is looked at
      this.begun.set(one, ending);
    }
    return this.begun.get(start)!;
  }

  sentence(start: Start): RegExp {
    const pattern = (says: string) =>
      this.filled(says, start)
        .split('…')
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('[^\\n]*');
    return new RegExp(`^(${[start.says].flat().map(pattern).join('|')})\\n$`);
  }

  private async run(start: Start): Promise<Ended> {
    const takeAway = await start.finds?.(start.name);
    const sets = Object.fromEntries(
      Object.entries(start.sets).map(([variable, value]) => [variable, this.filled(value, start)]),
    );
    const service = this.service(start.name, sets);
    const late = setTimeout(() => service.kill('SIGKILL'), FOR_EVER);
    const code = await service.ended;
    const gone = Date.now();
    clearTimeout(late);
    await takeAway?.();
    const began = service.lines[0]?.['time'];
    return {
      code,
      output: service.output,
      errors: service.errors,
      ...(typeof began === 'string' && { seconds: (gone - Date.parse(began)) / 1_000 }),
    };
  }

  private filled(text: string, { name }: Start): string {
    const known: Readonly<Record<string, string>> = {
      ...this.places,
      name,
      role: this.database.roleOf(name),
      wrong: WRONG,
    };
    return text.replace(/\{([\w-]+)\}/g, (placeholder, key: string) => {
      if (known[key] === undefined) throw new Error(`nothing is known of ${placeholder}`);
      return known[key];
    });
  }
}

/** Variables that a fault needs and that are not set. */
function missingFor({ sets }: Fault): readonly string[] {
  const text = Object.values(sets).join();
  const needed = Object.entries(BROKERS).filter((names) =>
    names.some((name) => text.includes(`{${name}}`)),
  );
  return needed.map(([, variable]) => variable).filter((variable) => !process.env[variable]);
}

/** The address of each broker by its name, and its URL by its variable. */
function brokers(): Readonly<Record<string, string>> {
  const given = Object.entries(BROKERS).flatMap(([broker, variable]) => {
    const url = process.env[variable];
    return url ? [[broker, hostOf(url)] as const, [variable, url] as const] : [];
  });
  return Object.fromEntries(given);
}

const hostOf = (url: string): string => /\/\/(?:[^@/]*@)?([^/?]+)/.exec(url)![1]!;
