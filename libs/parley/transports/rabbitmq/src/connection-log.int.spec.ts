import { type ConsoleLogger, Logger } from '@nestjs/common';
import { command } from '@parley/contract';
import { eventually, TcpProxy } from '@parley/conformance';
import { HandlerRegistry, systemClock, type TransportContext } from '@parley/messaging/transport';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { dropQueuesOf } from './leftovers.fixture';
import { rabbitmq } from './rabbitmq';

const url = process.env['RABBITMQ_URL'];
const PATIENCE_MS = 20_000;

(url ? it : it.skip)(
  'an outage is one warning a connection, and one line when it is back',
  async () => {
    const owner = `t${randomBytes(4).toString('hex')}`;
    const Do = command(`${owner}.do`, z.object({ n: z.int() }));
    const lines: string[] = [];
    const ofNest: string[] = [];
    const note = (line: unknown) => void ofNest.push(String(line));
    Logger.overrideLogger({ log: note, error: note, warn: note } as ConsoleLogger);
    const road = await TcpProxy.to(url!, 5672);
    const log: TransportContext['log'] = (level, message) => lines.push(`${level} ${message}`);
    const transport = rabbitmq.open!(road.along(url!), {
      service: owner,
      instance: `${owner}-1`,
      clock: systemClock,
      log,
    });
    await transport.connect();
    const registry = new HandlerRegistry(owner);
    const intake = transport.consumer('command', registry, () =>
      Promise.resolve({ kind: 'done', settled: false }),
    );
    registry.add((() => Promise.resolve()) as never, {
      contract: Do,
      options: {},
      handlerClass: class Doer {},
      method: 'do',
    });
    await new Promise<void>((resolve, reject) =>
      intake.listen((error) => (error ? reject(error as Error) : resolve())),
    );

    for (const _ of ['once', 'again']) {
      road.down();
      await eventually(() => intake.health().state === 'disconnected', 'it to be away');
      const tried = road.refused;
      await eventually(() => road.refused >= tried + 4, 'it to be tried', PATIENCE_MS);
      road.up();
      await eventually(() => intake.health().state === 'consuming', 'it to be back', PATIENCE_MS);
      const back = () => lines.filter((line) => line.includes('is back')).length;
      await eventually(() => back() % 2 === 0, 'both connections to be back', PATIENCE_MS);
    }
    await intake.close();
    await transport.close();
    await road.close();
    await dropQueuesOf(url!, [owner]);

    const logged = (what: string, connection: string) =>
      lines.filter((line) => line.startsWith(what) && line.includes(connection));
    for (const connection of ['that publishes', 'that brings commands']) {
      expect(logged('warn', connection)).toHaveLength(2);
      expect(logged('info', connection)).toHaveLength(2);
    }
    expect(lines.filter((line) => /^(warn|error)/.test(line))).toHaveLength(4);
    expect(ofNest).toEqual([]);
  },
  90_000,
);
