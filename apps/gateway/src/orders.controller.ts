import { createHash } from 'node:crypto';
import { type Account, GetOrder, ListOrders, OrderStatus, PlaceOrder } from '@contracts/orders';
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
import { checked, checkedHeader, problem, ProblemError } from '@parley/service';
import type { FastifyReply } from 'fastify';
import type { Observable } from 'rxjs';
import { AccountOf, ForCustomers, TokenLeft } from './customers';
import {
  AcceptedOrder,
  IdempotencyKey,
  NewOrder,
  OrderFilter,
  OrderId,
  OrderList,
  OrderView,
  ProblemBody,
} from './edge.schema';
import { OrderFeed } from './order-feed';

@ApiTags('orders')
@ForCustomers()
@Controller('orders')
export class OrdersController {
  constructor(
    private readonly messenger: Messenger,
    private readonly feed: OrderFeed,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Place an order. The same Idempotency-Key with the same order is the same order.',
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
    @AccountOf() account: Account | undefined,
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const idempotencyKey = keyOf(
      account,
      PlaceOrder.name,
      checkedHeader(IdempotencyKey, 'Idempotency-Key', key),
    );
    const order = checked(NewOrder, body);
    const accepted = await this.messenger.call(PlaceOrder, { ...order, idempotencyKey, account });
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
  list(@AccountOf() account: Account | undefined, @Query() filter: unknown) {
    return this.messenger.call(ListOrders, { ...checked(OrderFilter, filter), account });
  }

  @Get(':id')
  @ApiOperation({ summary: 'An order, with all that happened to it' })
  @ApiParam({ name: 'id', format: 'uuid' })
  @ApiOkResponse({ standardSchema: OrderView })
  @ApiNotFoundResponse({ standardSchema: ProblemBody })
  get(@AccountOf() account: Account | undefined, @Param('id') id: string): Promise<OrderView> {
    return this.orderOf(account, orderId(id));
  }

  @Sse(':id/events')
  @ApiOperation({
    summary: 'Follow an order live (server-sent events); resumes after Last-Event-ID',
  })
  @ApiParam({ name: 'id', format: 'uuid' })
  async events(
    @AccountOf() account: Account | undefined,
    @TokenLeft() left: number | undefined,
    @Param('id') id: string,
    @Headers('last-event-id') last?: string,
  ): Promise<Observable<MessageEvent>> {
    const order = await this.orderOf(account, orderId(id));
    return this.feed.follow(order, /^\d{1,9}$/.test(last ?? '') ? Number(last) : 0, left);
  }

  @Get(':id/label')
  @ApiOperation({ summary: "The parcel's label" })
  @ApiParam({ name: 'id', format: 'uuid' })
  @ApiProduces('application/pdf')
  @ApiNotFoundResponse({ standardSchema: ProblemBody })
  async label(
    @AccountOf() account: Account | undefined,
    @Param('id') id: string,
    @Res() reply: FastifyReply,
  ) {
    if (account !== undefined) await this.orderOf(account, orderId(id)); // shipping knows no accounts
    const { fileName, pdf } = await this.messenger.call(GetLabel, { orderId: orderId(id) });
    void reply
      .header('content-type', 'application/pdf')
      .header('content-disposition', `inline; filename="${fileName}"`)
      .send(Buffer.from(pdf, 'base64'));
  }

  /** Answers "not found" for another account's order, too: which ids exist is not revealed. */
  private async orderOf(account: Account | undefined, orderId: string): Promise<OrderView> {
    const { account: placedBy, ...order } = await this.messenger.call(GetOrder, { orderId });
    if (account !== undefined && account !== placedBy) throw new ProblemError(NO_SUCH_ORDER);
    return order;
  }
}

const NO_SUCH_ORDER = problem(404, 'There is no such order');

/** A malformed order id is answered as an unknown one. */
function orderId(id: string): string {
  const result = OrderId.safeParse(id);
  if (!result.success) throw new ProblemError(NO_SUCH_ORDER);
  return result.data;
}

/** A key is one account's, for one operation: others that choose the same text have another key. */
function keyOf(account: Account | undefined, operation: string, key: string): string {
  return account === undefined
    ? key
    : createHash('sha256')
        .update(JSON.stringify([account, operation, key]))
        .digest('base64url');
}
