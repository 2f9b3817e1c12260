import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Fleet, type OperatorRequest } from '@parley/cli';
import { AsOperator } from './access';
import { passedOn, rowOf } from './passed-on';

const PATH = '/operations/dead-letters';

/** Dead letters of all services, or of one. The services decide; this passes on. */
@Controller('api/dead-letters')
export class DeadLettersController {
  constructor(private readonly fleet: Fleet) {}

  /**
   * Filters: `service`, and those of the services: `subscription`, `contract`, `error`, `group`,
   * `from`, `to`, `newest`, `limit`.
   */
  @Get()
  async list(@Query() { service, ...filter }: Record<string, string>) {
    return (
      await this.fleet.askEach(`${PATH}${queryOf({ limit: '100', ...filter })}`, service)
    ).map(rowOf);
  }

  /** Grouped by their error. */
  @Get('groups')
  async groups(@Query() { service, ...filter }: Record<string, string>) {
    return (await this.fleet.askEach(`${PATH}/groups${queryOf(filter)}`, service)).map(rowOf);
  }

  /** Operators' actions on dead letters, with their results. */
  @Get('audit')
  async audit(@Query() { service, ...filter }: Record<string, string>) {
    return (await this.fleet.askEach(`${PATH}/audit${queryOf(filter)}`, service)).map(rowOf);
  }

  /** Replays in steps, under way and over. */
  @Get('runs')
  async runs(@Query() { service, ...filter }: Record<string, string>) {
    return (await this.fleet.askEach(`${PATH}/runs${queryOf(filter)}`, service)).map(rowOf);
  }

  @Get(':service/:id')
  async show(
    @Param('service') service: string,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return passedOn(reply, await this.fleet.askOne(service, `${PATH}/${encodeURIComponent(id)}`));
  }

  /** `cancel` a replay in steps. */
  @Post(':service/runs/:id/:action')
  async run(
    @Param('service') service: string,
    @Param('id') id: string,
    @Param('action') action: string,
    @Body() body: unknown,
    @AsOperator() as: Omit<OperatorRequest, 'body'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const path = `${PATH}/runs/${encodeURIComponent(id)}/${encodeURIComponent(action)}`;
    return passedOn(reply, await this.fleet.sendToOne(service, path, { body, ...as }));
  }

  /**
   * The next of many: `replay` or `discard` with a `filter`. Or `runs`, which begins a replay in
   * steps.
   */
  @Post(':service/:action')
  async many(
    @Param('service') service: string,
    @Param('action') action: string,
    @Body() body: unknown,
    @AsOperator() as: Omit<OperatorRequest, 'body'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return passedOn(
      reply,
      await this.fleet.sendToOne(service, `${PATH}/${encodeURIComponent(action)}`, { body, ...as }),
    );
  }

  /** `replay`, `edit` or `discard` one. */
  @Post(':service/:id/:action')
  async one(
    @Param('service') service: string,
    @Param('id') id: string,
    @Param('action') action: string,
    @Body() body: unknown,
    @AsOperator() as: Omit<OperatorRequest, 'body'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return passedOn(
      reply,
      await this.fleet.sendToOne(
        service,
        `${PATH}/${encodeURIComponent(id)}/${encodeURIComponent(action)}`,
        { body, ...as },
      ),
    );
  }
}

function queryOf(filter: Record<string, string>): string {
  const query = String(new URLSearchParams(filter));
  return query === '' ? '' : `?${query}`;
}
