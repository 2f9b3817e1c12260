import { inConversation } from '@parley/messaging';
import { Logger, type LogLevel } from './logger';

function recording(level: LogLevel = 'debug') {
  const lines: Record<string, unknown>[] = [];
  const logger = new Logger({
    service: 'orders',
    instance: 'orders-1',
    level,
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  return { lines, logger };
}

const conversation = {
  correlationId: 'c-1',
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  messageId: 'm-1',
  contract: 'orders.order-placed',
};

describe('logger', () => {
  it('says on every line which service and instance speaks', () => {
    const { lines, logger } = recording();
    logger.log('started', 'Serve');
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'info',
        service: 'orders',
        instance: 'orders-1',
        context: 'Serve',
        message: 'started',
      }),
    ]);
  });

  it('says on every line of a handling to which conversation it belongs', () => {
    const { lines, logger } = recording();
    inConversation(conversation, () => logger.warn('slow'));
    logger.warn('elsewhere');
    expect(lines[0]).toMatchObject({
      traceId: 'a'.repeat(32),
      correlationId: 'c-1',
      messageId: 'm-1',
      contract: 'orders.order-placed',
    });
    expect(lines[1]).not.toHaveProperty('traceId');
  });

  it('keeps the details of one line out of the next', () => {
    const { lines, logger } = recording();
    logger.write('info', 'first', { orderId: 'o-1' });
    logger.write('info', 'second');
    expect(lines[1]).not.toHaveProperty('orderId');
  });

  it('leaves a start that failed to whoever started, and its stack to who debugs it', () => {
    const { lines, logger } = recording();
    logger.error(new Error('RabbitMQ cannot be reached'), 'ExceptionHandler');
    expect(lines).toEqual([
      expect.objectContaining({ level: 'debug', message: 'RabbitMQ cannot be reached' }),
    ]);
  });

  it('hides secrets in messages and details', () => {
    const { lines, logger } = recording();
    logger.write('error', 'cannot reach amqp://guest:hunter2@mq', {
      password: 'hunter2',
      error: new Error('token=hunter2'),
    });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    expect(lines).toHaveLength(1);
  });

  it('writes a line of bounded length, whatever somebody else wrote', () => {
    const { lines, logger } = recording();
    const hostile = 'k'.repeat(500_000);
    inConversation(
      { ...conversation, correlationId: `tok_visa ${hostile}`, contract: hostile },
      () => {
        logger.write('error', `${hostile} is dead`, {
          failure: { message: hostile, stack: hostile },
          [hostile]: hostile,
        });
        logger.error(hostile, `${hostile}\n`, 'StockController');
      },
    );
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(JSON.stringify(line).length).toBeLessThan(100_000);
    expect(JSON.stringify(lines)).not.toContain('tok_visa');
  });

  it('keeps the stack that Nest hands over', () => {
    const { lines, logger } = recording();
    logger.error('it broke', 'Error: it broke\n    at here', 'StockController');
    expect(lines[0]).toMatchObject({
      context: 'StockController',
      message: 'it broke',
      stack: 'Error: it broke\n    at here',
    });
  });

  it('says nothing below its level', () => {
    const { lines, logger } = recording('warn');
    logger.log('hello');
    logger.write('debug', 'hello');
    expect(lines).toEqual([]);
  });

  it("takes Nest's account of its wiring for debugging only", () => {
    const { lines, logger } = recording('info');
    logger.log('AppModule dependencies initialized', 'InstanceLoader');
    expect(lines).toEqual([]);
  });
});
