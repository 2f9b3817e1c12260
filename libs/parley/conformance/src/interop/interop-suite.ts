import { randomUUID } from 'node:crypto';
import type { Kind } from '@parley/contract';
import type { Technology } from '@parley/messaging';
import type { Fixture, Place } from '../harness/fixture';
import { MemoryDatabases } from '../harness/memory-place';
import { TestScenario, type Job } from '../harness/test-scenario';
import { type Asked, Program, python } from './python';

/** The parts of a technology that a suite needs to let a foreign program use it. */
export interface ForeignUse {
  readonly technology: Technology;
  readonly url: string;
  readonly kind: Exclude<Kind, 'call'>;
  /** The file of the program, beside this one. */
  readonly program: string;
  /** Where messages of a contract are, in the program's words. */
  readonly at: (contract: { readonly name: string; readonly owner: string }) => Asked['at'];
  /** Before the name of an attribute. */
  readonly prefix: string;
  /** Names on the wire beside the attributes. */
  readonly beside?: readonly string[];
  readonly tidy?: (services: readonly string[]) => Promise<unknown>;
}

/** Not ASCII on purpose. */
const PLACE = 'Zürich ✓';
const ATTRIBUTE = /^[a-z0-9]+$/;

/**
 * A program that is not of this kit, nor in its language, says something to a service and hears
 * something of one.
 */
export function interopSuite({
  technology,
  url,
  kind,
  program,
  at,
  prefix,
  beside = [],
  tidy,
}: ForeignUse): void {
  const found = url ? python() : { missing: 'no URL is given' };
  if ('missing' in found) {
    it.skip(`${technology.name}, a program in Python: not run, for ${found.missing}`, () =>
      undefined);
    if (url)
      process.stdout.write(
        `${technology.name}, a program in Python: not run, for ${found.missing}\n`,
      );
    return;
  }

  describe(`${technology.name}, a program in Python`, () => {
    let trial: TestScenario;
    let running: Program[];

    beforeEach(() => {
      trial = new TestScenario(kind, fixtureOf(technology, kind, url), () => undefined);
      running = [];
    });
    afterEach(async () => {
      for (const one of running) one.stop();
      await trial.close();
      await tidy?.([trial.receiver, trial.sender]);
    });

    const run = (asked: Omit<Asked, 'url'>): Program => {
      const one = new Program(found.libraries, program, { url, ...asked });
      running.push(one);
      return one;
    };
    const keyOf = (job: Job): string | null => (kind === 'broadcast' ? null : job.key);

    it(`says a ${kind}, and a service handles it as one of its own`, async () => {
      const contract = trial.contract();
      const seen = trial.journal();
      const travelled: Record<string, unknown>[] = [];
      await trial.receive(contract, (job, { attempt, envelope }) => {
        travelled.push({ ...envelope });
        seen.note({ job, attempt, id: envelope.id });
      });
      const job: Job = { key: PLACE, n: 7, text: PLACE };
      const attributes = {
        specversion: '1.0',
        id: randomUUID(),
        type: contract.name,
        source: '/python',
        datacontenttype: 'application/json',
        correlationid: PLACE,
      };
      await run({ verb: 'say', at: at(contract), key: keyOf(job), attributes, data: job }).sent();
      expect(await seen.reach(1)).toEqual([{ job, attempt: 1, id: attributes.id }]);
      expect(travelled).toEqual([expect.objectContaining(attributes)]);
    });

    it(`hears a ${kind} of a service: the payload is the body, and around it are attributes of CloudEvents and nothing else`, async () => {
      const contract = trial.contract();
      const job: Job = { key: PLACE, n: 7, text: PLACE };
      const listens = () => run({ verb: 'hear', at: at(contract), key: keyOf(job) });
      const received = await (kind === 'broadcast' ? before(listens) : after(listens));
      expect(JSON.parse(received.body.toString())).toEqual(job);
      const attribute = (name: string) => received.headers[prefix + name];
      expect([attribute('specversion'), attribute('type')]).toEqual(['1.0', contract.name]);
      for (const name of ['id', 'source', 'time', 'traceparent'])
        expect(attribute(name)).toEqual(expect.any(String));
      const others = Object.keys(received.headers).filter(
        (name) => !beside.includes(name) && !isAttribute(name),
      );
      expect(others).toEqual([]);

      async function before(listening: () => Program) {
        // The first message creates the topic or queue that the program listens to.
        await trial.send(contract, { ...job, n: 0 });
        const listener = listening();
        await listener.ready();
        await trial.send(contract, job);
        return listener.received();
      }
      async function after(listening: () => Program) {
        await trial.send(contract, job);
        return listening().received();
      }
    });

    const isAttribute = (name: string) =>
      name.startsWith(prefix) && ATTRIBUTE.test(name.slice(prefix.length));
  });
}

/** A service's database is in memory: no instance is killed here. */
function fixtureOf(technology: Technology, kind: Exclude<Kind, 'call'>, url: string): Fixture {
  const databases = new MemoryDatabases();
  const place = (service: string): Place => ({
    options: {
      urls: { [`${kind}s`]: url },
      technologies: [technology],
      store: databases.of(service).store,
    },
    kill: () => 0,
    alive: () => true,
    close: async () => undefined,
  });
  return {
    technology: technology.name,
    features: { offers: {} },
    open: async (service) => place(service),
    record: async (service, tx, effect) => databases.record(service, tx, effect),
    effects: async (service) => databases.effects(service),
  };
}
