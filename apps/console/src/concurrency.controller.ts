import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Fleet, type OperatorRequest } from '@parley/cli';
import { AsOperator } from './access';

const PATH = '/operations/concurrency';

/**
 * The number of messages that each instance handles at the same time. A change is sent to every
 * instance of a service, because it applies to one instance.
 */
@Controller('api/concurrency')
export class ConcurrencyController {
  constructor(private readonly fleet: Fleet) {}

  @Get()
  async list(@Query('service') service?: string) {
    return (await this.fleet.askAll(PATH, service)).map(ofInstance);
  }

  @Post(':subscription')
  async change(
    @Param('subscription') subscription: string,
    @Body() body: unknown,
    @AsOperator() as: Omit<OperatorRequest, 'body'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const [service = ''] = subscription.split('.');
    const answers = await this.fleet.sendToAll(
      service,
      `${PATH}/${encodeURIComponent(subscription)}`,
      { body, ...as },
    );
    void reply.status(answers.find(({ ok }) => ok)?.status ?? answers[0]?.status ?? 503);
    const [first] = answers;
    if (answers.every(({ ok }) => !ok)) return first?.body ?? { message: first?.error };
    return { subscription, instances: answers.map(ofInstance) };
  }
}

const ofInstance = ({
  service,
  url,
  ok,
  body,
  error,
}: Awaited<ReturnType<Fleet['askAll']>>[number]) =>
  ok ? { service, url, ...(body as object) } : { service, url, error: error ?? body };
