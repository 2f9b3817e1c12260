import { ChangePrice, Cents, Sku } from '@contracts/catalog';
import { GetFigures } from '@contracts/insights';
import {
  BadRequestException,
  Body,
  Controller,
  Get,
  NotFoundException,
  Param,
  Post,
  Put,
  Query,
  Res,
} from '@nestjs/common';
import {
  catalogueOf,
  deadOfConversation,
  Fleet,
  KnownContracts,
  type OperatorRequest,
  readinessOf,
  reasonOf,
  sagasWithDead,
  Status,
} from '@parley/cli';
import { Messenger } from '@parley/messaging';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { sendersOf } from '../../../topology';
import { AsOperator, CurrentOperator, type Operator } from './access';
import { passedOn, rowOf } from './passed-on';

const Conversation = z.looseObject({ correlationId: z.string() });
const NewPrice = z.strictObject({ price: Cents });

/** The operations console: what the page and the command line show. */
@Controller('api')
export class FleetController {
  constructor(
    private readonly fleet: Fleet,
    private readonly messenger: Messenger,
  ) {}

  /** The operator who asks: the name for the audit, and the role. */
  @Get('me')
  me(@CurrentOperator() operator: Operator) {
    const { name, role, isProven } = operator;
    return { name, role, isProven };
  }

  /** Every instance: whether it is ready, and if not, why, the root cause alone. */
  @Get('services')
  async services() {
    const [ready, status] = await Promise.all([
      this.fleet.askAll('/health/ready'),
      this.fleet.askAll('/operations/status'),
    ]);
    return ready.map((answer, index) => {
      const { service, url, ok, body, error } = answer;
      const of = status[index]?.ok ? status[index].body : undefined;
      return {
        service,
        url,
        ready: ok,
        ...readinessOf(answer, Status.safeParse(of).data),
        health: body ?? error,
        status: of,
      };
    });
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

  /**
   * One saga: its state, history, running timeouts and the rest of its way, the dead letters of its
   * conversation, and why it does not go on.
   */
  @Get('sagas/:service/:saga/:key')
  async saga(
    @Param('service') service: string,
    @Param('saga') saga: string,
    @Param('key') key: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const path = `/operations/sagas/${encodeURIComponent(saga)}/${encodeURIComponent(key)}`;
    const answer = await this.fleet.askOne(service, path);
    const found = Conversation.safeParse(answer.body).data;
    if (!answer.ok || !found) return passedOn(reply, answer);
    const dead = await deadOfConversation(this.fleet, found.correlationId);
    const why = await reasonOf(this.fleet, service, found, dead);
    return passedOn(reply, { ...answer, body: { ...found, dead, why } });
  }

  /** `retry`, `skip`, `cancel` or `resume` one. */
  @Post('sagas/:service/:saga/:key/:action')
  async repair(
    @Param('service') service: string,
    @Param('saga') saga: string,
    @Param('key') key: string,
    @Param('action') action: string,
    @Body() body: unknown,
    @AsOperator() as: Omit<OperatorRequest, 'body'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const path = ['', 'operations', 'sagas', ...[saga, key, action].map(encodeURIComponent)];
    return passedOn(reply, await this.fleet.sendToOne(service, path.join('/'), { body, ...as }));
  }

  /** Every contract: its kind and owner, who is declared to send it, and who handles it. */
  @Get('contracts')
  async contracts() {
    const answers = await this.fleet.askEach('/operations/contracts');
    const replies = answers.map(({ service, ok, body }) => ({
      service,
      body: ok ? KnownContracts.safeParse(body).data : undefined,
    }));
    return {
      contracts: catalogueOf(
        replies.flatMap(({ service, body }) => (body ? [{ service, body }] : [])),
        sendersOf,
      ),
      unanswered: replies.flatMap(({ service, body }) => (body ? [] : [service])),
    };
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
