import { drain, type Draining } from './drain';
import { Lifecycle } from './lifecycle';

function process(
  over: { [P in 'messaging' | 'door' | 'app' | 'database']?: Partial<Draining[P]> } = {},
) {
  const lifecycle = new Lifecycle();
  lifecycle.enter('running');
  const steps: string[] = [];
  const log: string[] = [];
  const note =
    <T>(name: string, value: T) =>
    () => {
      steps.push(`${name} while ${lifecycle.phase}`);
      return Promise.resolve(value);
    };
  const draining: Draining = {
    lifecycle,
    door: { idle: note('door idle', true), close: note('door closed', undefined), ...over.door },
    messaging: {
      stopConsuming: note('intake stopped', undefined),
      drained: note('messages drained', true),
      flush: note('outbox flushed', undefined),
      close: note('technologies closed', undefined),
      ...over.messaging,
    },
    app: { close: note('app closed', undefined), ...over.app },
    database: { close: note('database closed', undefined), ...over.database },
    timeout: 20,
    log: (_level, message) => void log.push(message),
  };
  return { draining, steps, log, lifecycle };
}

describe('drain', () => {
  it('stops intake, finishes, relays, closes the application, the technologies, the database, and the door last', async () => {
    const { draining, steps, lifecycle } = process();
    expect(await drain(draining)).toBe(true);
    expect(steps).toEqual([
      'intake stopped while draining',
      'messages drained while draining',
      'door idle while draining',
      'outbox flushed while draining',
      'app closed while draining',
      'technologies closed while draining',
      'database closed while draining',
      'door closed while stopped',
    ]);
    expect(lifecycle.phase).toBe('stopped');
  });

  it('is not ready from its first moment', () => {
    const { draining, lifecycle } = process();
    void drain(draining);
    expect(lifecycle.reason).toBe('draining: stopping the intakes');
  });

  it('does not close anything before what is under way has ended', async () => {
    let finish!: (done: boolean) => void;
    const under = new Promise<boolean>((resolve) => (finish = resolve));
    const asked = new Promise<void>((resolve) => {
      const { draining, steps } = process({ messaging: { drained: () => (resolve(), under) } });
      void drain({ ...draining, timeout: 60_000 });
      under.then(() =>
        expect(steps).toEqual(['intake stopped while draining', 'door idle while draining']),
      );
    });
    await asked;
    finish(true);
    await under;
  });

  it('goes on when a step fails or hangs, says so, and is not orderly', async () => {
    const { draining, steps, log } = process({
      messaging: {
        stopConsuming: () => Promise.reject(new Error('broker gone')),
        drained: () => Promise.resolve(false),
      },
      app: { close: () => new Promise(() => undefined) },
    });
    expect(await drain(draining)).toBe(false);
    expect(steps).toEqual(
      expect.arrayContaining([
        'outbox flushed while draining',
        'database closed while draining',
        'door closed while stopped',
      ]),
    );
    expect(log).toEqual([
      'drain: stopping the intakes: broker gone',
      expect.stringContaining('not everything ended within 20 ms (DRAIN_TIMEOUT)'),
      expect.stringContaining('closing the application: did not end within'),
    ]);
  });

  it('ends a start that did not get far', async () => {
    const { draining, steps } = process();
    expect(
      await drain({ ...draining, messaging: undefined, app: undefined, database: undefined }),
    ).toBe(true);
    expect(steps).toEqual(['door idle while draining', 'door closed while stopped']);
  });
});
