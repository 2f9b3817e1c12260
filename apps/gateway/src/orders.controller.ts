import { Readable } from 'node:stream';
import { OrderStatus } from '@contracts/orders';
import { GetLabel } from '@contracts/shipping';
import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  type MessageEvent,
  Param,
  Post,
  Query,
  Req,
  Res,
  Sse,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiConflictResponse,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProduces,
  ApiQuery,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import { Messenger } from '@parley/messaging';
import { checkedHeader } from '@parley/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { checkedOrderId, CustomerOrders } from './customer-orders';
import type { Caller } from './callers';
import { CallerOf, ForCustomers, OpenToGuests } from './customers';
import {
  AcceptedOrder,
  ExportedOrder,
  IdempotencyKey,
  NewOrder,
  OrderList,
  OrderView,
  ProblemBody,
} from './edge.schema';
import { clientOf } from './limits/client';
import { Streams } from './limits/streams';
import { LINES_OF_JSON, linesOf } from './lines-of-json';
import { OrderFeed } from './order-feed';

@ApiTags('orders')
@ForCustomers()
@Controller('orders')
export class OrdersController {
  constructor(
    private readonly orders: CustomerOrders,
    private readonly messenger: Messenger,
    private readonly feed: OrderFeed,
    private readonly streams: Streams,
  ) {}

  @Post()
  @OpenToGuests('all')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Place an order. The same Idempotency-Key with the same order is the same order.',
    description: "Without a token it is a guest's order: `guest.token` of the answer opens it.",
    security: [{ bearer: [] }, {}],
  })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: true,
    description: 'Chosen by you, 1 to 200 characters',
  })
  @ApiBody({ standardSchema: NewOrder } as never)
  @ApiAcceptedResponse({
    standardSchema: AcceptedOrder,
    headers: {
      Location: { description: 'Where the order can be seen', schema: { type: 'string' } },
    },
  })
  @ApiConflictResponse({
    standardSchema: ProblemBody,
    description: 'The key was used for another order',
  })
  @ApiUnprocessableEntityResponse({
    standardSchema: ProblemBody,
    description: 'Names the fields that are wrong',
  })
  async place(
    @CallerOf() caller: Caller,
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const idempotencyKey = checkedHeader(IdempotencyKey, 'Idempotency-Key', key);
    const accepted = await this.orders.place(caller, idempotencyKey, body);
    void reply.header('location', `/orders/${accepted.orderId}`);
    return accepted;
  }

  @Get()
  @ApiOperation({ summary: 'Orders, newest first, a page at a time' })
  @ApiQuery({ name: 'status', required: false, enum: OrderStatus.options })
  @ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
    description: 'Orders of a page',
  })
  @ApiQuery({
    name: 'before',
    required: false,
    schema: { type: 'string' },
    description: '`next` of the page before',
  })
  @ApiOkResponse({ standardSchema: OrderList })
  list(@CallerOf() caller: Caller, @Query() filter: unknown) {
    return this.orders.list(caller, filter);
  }

  @Get('export')
  @ApiOperation({
    summary: 'All of your orders with their history, oldest first: a line of JSON for each',
    description:
      'Sent as fast as you read, within the Request-Timeout or 10 s. A connection that is cut before its end says that lines are missing.',
  })
  @ApiProduces(LINES_OF_JSON)
  @ApiOkResponse({ standardSchema: ExportedOrder })
  async export(
    @CallerOf() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const file = () =>
      reply
        .header('content-type', LINES_OF_JSON)
        .header('content-disposition', 'attachment; filename="orders.ndjson"');
    if (request.method === 'HEAD') return void file().send();
    this.streams.enter(clientOf(caller, request.ip), reply.raw);
    const orders = this.orders.export(caller);
    // A failure before the first line is answered as a problem, not as a file.
    const first = await orders.next();
    void file().send(Readable.from(linesOf(first, orders)));
  }

  @Get(':id')
  @OpenToGuests('with a token')
  @ApiOperation({ summary: 'An order, with all that happened to it' })
  @ApiParam({ name: 'id', format: 'uuid' })
  @ApiOkResponse({ standardSchema: OrderView })
  @ApiNotFoundResponse({ standardSchema: ProblemBody })
  get(@CallerOf() caller: Caller, @Param('id') id: string): Promise<OrderView> {
    return this.orders.get(caller, id);
  }

  @Sse(':id/events')
  @OpenToGuests('with a token')
  @ApiOperation({
    summary: 'Follow an order live (server-sent events); resumes after Last-Event-ID',
  })
  @ApiParam({ name: 'id', format: 'uuid' })
  async events(
    @CallerOf() caller: Caller,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('last-event-id') last?: string,
  ): Promise<Observable<MessageEvent>> {
    this.streams.enter(clientOf(caller, request.ip), reply.raw);
    const order = await this.orders.get(caller, id);
    return this.feed.follow(order, /^\d{1,9}$/.test(last ?? '') ? Number(last) : 0, caller.left);
  }

  @Get(':id/label')
  @OpenToGuests('with a token')
  @ApiOperation({ summary: "The parcel's label" })
  @ApiParam({ name: 'id', format: 'uuid' })
  @ApiProduces('application/pdf')
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' } })
  @ApiNotFoundResponse({ standardSchema: ProblemBody })
  async label(@CallerOf() caller: Caller, @Param('id') id: string, @Res() reply: FastifyReply) {
    const orderId = checkedOrderId(id);
    if (caller.kind !== 'anybody') await this.orders.get(caller, orderId); // shipping knows no accounts
    const { fileName, pdf } = await this.messenger.call(GetLabel, { orderId });
    void reply
      .header('content-type', 'application/pdf')
      .header('content-disposition', `inline; filename="${fileName}"`)
      .send(Buffer.from(pdf, 'base64'));
  }
}
