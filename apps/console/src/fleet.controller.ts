import { ChangePrice, Cents, Sku } from '@contracts/catalog';
import { GetFigures } from '@contracts/insights';
import {
  BadRequestException,
  Body,
  Controller,
  Get,
  NotFoundException,
  Param,
  Put,
  Query,
  Res,
} from '@nestjs/common';
import { Fleet, sagasWithDead } from '@parley/cli';
import { Messenger } from '@parley/messaging';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { passedOn, rowOf } from './passed-on';

const NewPrice = z.strictObject({ price: Cents });

/** The operations console, for now as an API. */
@Controller('api')
export class FleetController {
  constructor(
    private readonly fleet: Fleet,
    private readonly messenger: Messenger,
  ) {}

  /** Every instance: whether it is ready, and if not, why. */
  @Get('services')
  async services() {
    const [ready, status] = await Promise.all([
      this.fleet.askAll('/health/ready'),
      this.fleet.askAll('/operations/status'),
    ]);
    return ready.map(({ service, url, ok, body, error }, index) => ({
      service,
      url,
      ready: ok,
      health: body ?? error,
      status: status[index]?.ok ? status[index].body : undefined,
    }));
  }

  /** Backlog per subscription: messages, lag, parked lanes, dead letters. */
  @Get('backlog')
  async backlog() {
    return (await this.fleet.askEach('/operations/backlog')).map(rowOf);
  }

  /** Handlings over their timeout, of each instance. */
  @Get('overdue')
  async overdue() {
    return (await this.fleet.askAll('/operations/overdue')).map((answer) => ({
      url: answer.url,
      ...rowOf(answer),
    }));
  }

  /**
   * Sagas of the services that have some, each with the dead letters of its conversation; `saga`,
   * `stage`, `state` narrow it down, `stuck=true` to those that have one.
   */
  @Get('sagas')
  async sagas(@Query() { stuck, ...filter }: Record<string, string>) {
    const { answers, incomplete } = await sagasWithDead(this.fleet, {
      stuck: stuck === 'true',
      filter,
    });
    return [...answers.map(rowOf), ...incomplete];
  }

  @Get('sagas/:service/:saga/:key')
  async saga(
    @Param('service') service: string,
    @Param('saga') saga: string,
    @Param('key') key: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return passedOn(
      reply,
      await this.fleet.askOne(
        service,
        `/operations/sagas/${encodeURIComponent(saga)}/${encodeURIComponent(key)}`,
      ),
    );
  }

  /** The route and the handler of a contract in each service. */
  @Get('explain/:contract')
  async explain(@Param('contract') contract: string) {
    const found = await this.fleet.askEach(`/operations/explain/${encodeURIComponent(contract)}`);
    return found.filter(({ status }) => status !== 404).map(rowOf);
  }

  /**
   * Queues, topics and streams that must exist for the messages that each service sends and
   * handles.
   */
  @Get('topology')
  async topology() {
    return (await this.fleet.askEach('/operations/topology')).map(rowOf);
  }

  /**
   * The findings of each service about its technologies: would confirmed messages survive a crash?
   */
  @Get('doctor')
  async doctor() {
    return (await this.fleet.askEach('/operations/doctor')).map(rowOf);
  }

  @Get('figures')
  figures() {
    return this.messenger.call(GetFigures, {});
  }

  @Put('prices/:sku')
  changePrice(@Param('sku') sku: string, @Body() body: unknown) {
    const price = NewPrice.safeParse(body);
    if (!Sku.safeParse(sku).success) throw new NotFoundException(`${sku} is no product's number`);
    if (!price.success) throw new BadRequestException(z.prettifyError(price.error));
    return this.messenger.call(ChangePrice, { sku, ...price.data });
  }
}
