import { Line, Product, QuotedLine, QuotePrice } from '@contracts/catalog';
import { HistoryEntry, OrderStatus } from '@contracts/orders';
import { checked } from '@parley/service';
import {
  GraphQLBoolean,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigMap,
  GraphQLID,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
} from 'graphql';
import { z } from 'zod';
import { cursorOf } from '../cursor';
import { AcceptedOrder, IdempotencyKey, NewOrder, OrderList, OrderView } from '../edge.schema';
import { callerWithOrders, type EdgeContext } from './context';
import { Enums, InputTypes, OutputTypes } from './contract-types';
import { progressOf } from './progress';

type Fields = GraphQLFieldConfigMap<unknown, EdgeContext>;
type Field<Arguments = unknown> = GraphQLFieldConfig<unknown, EdgeContext, Arguments>;

const OrderSummary = OrderList.shape.orders.element;
type OrderSummary = z.infer<typeof OrderSummary>;

/**
 * The line of a quote or an order. Its field `product`, the product as it is now, is no part of the
 * contract.
 */
export const LINE = 'QuotedLine';
const Quote = QuotePrice.reply;
const OrderProgress = HistoryEntry.extend({ status: OrderStatus.optional() });

const answers = {
  OrderStatus,
  Product,
  [LINE]: QuotedLine,
  Quote,
  HistoryEntry,
  Order: OrderView,
  OrderSummary,
  OrderCounts: OrderList.shape.counts,
  AcceptedOrder,
  OrderProgress,
};
const questions = { OrderStatus, Line, NewOrder };

/** The edge's GraphQL schema: its types are made from the contracts. */
export function edgeSchema(): GraphQLSchema {
  const enums = new Enums();
  const output: OutputTypes = new OutputTypes(
    answers,
    enums,
    (type): GraphQLFieldConfigMap<unknown, unknown> => {
      if (type !== LINE) return {};
      const description = 'As the shop sells it now; null when it no longer does';
      return { product: { type: output.get('Product'), description } };
    },
  );
  const input = new InputTypes(questions, enums);
  return new GraphQLSchema({
    description: 'The shop: order tea, follow the parcel. Prices are whole euro cents.',
    query: new GraphQLObjectType({ name: 'Query', fields: queries(output, input) }),
    mutation: new GraphQLObjectType({ name: 'Mutation', fields: mutations(output, input) }),
    subscription: new GraphQLObjectType({ name: 'Subscription', fields: subscriptions(output) }),
  });
}

const required = <T extends ConstructorParameters<typeof GraphQLNonNull>[0]>(type: T) =>
  new GraphQLNonNull(type);

function queries(output: OutputTypes, input: InputTypes): Fields {
  const products: Field = {
    type: new GraphQLList(required(output.get('Product'))),
    description: 'All that the shop sells',
    resolve: (_, _arguments, { prices }) => prices.all(),
  };
  const product: Field<{ sku: string }> = {
    type: output.get('Product'),
    description: 'One product; null when it is not sold here',
    args: { sku: { type: required(GraphQLString) } },
    resolve: async (_, { sku }, { prices }) =>
      (await prices.all()).find((one) => one.sku === sku) ?? null,
  };
  const quote: Field<z.input<typeof QuotePrice.payload>> = {
    type: output.get('Quote'),
    description: 'What these lines cost now',
    args: { lines: { type: required(new GraphQLList(required(input.get('Line')))) } },
    resolve: (_, lines, { messenger, signal }) =>
      messenger.call(QuotePrice, checked(QuotePrice.payload, lines), { signal }),
  };
  const order: Field<{ id: string }> = {
    type: output.get('Order'),
    description: 'An order, with all that happened to it',
    args: { id: { type: required(GraphQLID) } },
    resolve: async (_, { id }, context) =>
      context.orders.get(await callerWithOrders(context), id, { signal: context.signal }),
  };
  return { products, product, quote, order, orders: pagesOfOrders(output, input) };
}

interface PageArguments {
  readonly first?: number | null;
  readonly after?: string | null;
  readonly status?: string | null;
}

function pagesOfOrders(output: OutputTypes, input: InputTypes): Field<PageArguments> {
  return {
    type: connection(output),
    description: 'Orders, newest first, a page at a time',
    args: {
      first: { type: GraphQLInt, defaultValue: 50, description: 'Orders of a page, 1 to 500' },
      after: { type: GraphQLString, description: '`endCursor` of the page before' },
      status: { type: input.get('OrderStatus') },
    },
    resolve: async (_, { first, after, status }, context) => {
      const filter = {
        limit: first ?? undefined,
        before: after ?? undefined,
        status: status ?? undefined,
      };
      const page = await context.orders.list(await callerWithOrders(context), filter, {
        signal: context.signal,
      });
      return {
        edges: page.orders.map((node: OrderSummary) => ({ node, cursor: cursorOf(node) })),
        pageInfo: { hasNextPage: page.next !== undefined, endCursor: page.next ?? null },
        counts: page.counts,
      };
    },
  };
}

function connection(output: OutputTypes): GraphQLObjectType {
  const edge = new GraphQLObjectType({
    name: 'OrderEdge',
    fields: {
      node: { type: required(output.get('OrderSummary')) },
      cursor: { type: required(GraphQLString) },
    },
  });
  const pageInfo = new GraphQLObjectType({
    name: 'PageInfo',
    fields: {
      hasNextPage: { type: required(GraphQLBoolean) },
      endCursor: { type: GraphQLString, description: 'Hand it back as `after`' },
    },
  });
  return new GraphQLObjectType({
    name: 'OrderConnection',
    fields: {
      edges: { type: required(new GraphQLList(required(edge))) },
      pageInfo: { type: required(pageInfo) },
      counts: { type: required(output.get('OrderCounts')), description: 'Of all pages together' },
    },
  });
}

function mutations(output: OutputTypes, input: InputTypes): Fields {
  const placeOrder: Field<{ idempotencyKey: string; order: unknown }> = {
    type: output.get('AcceptedOrder'),
    description: 'The same idempotencyKey with the same order is the same order',
    args: {
      idempotencyKey: {
        type: required(GraphQLString),
        description: 'Chosen by you, 1 to 200 characters',
      },
      order: { type: required(input.get('NewOrder')) },
    },
    // Without the signal: an order is finished without its client, as on REST.
    resolve: async (_, { idempotencyKey, order }, { caller, orders }) => {
      const placing = await caller();
      const { idempotencyKey: key } = checked(z.object({ idempotencyKey: IdempotencyKey }), {
        idempotencyKey,
      });
      return orders.place(placing, key, order);
    },
  };
  return { placeOrder };
}

function subscriptions(output: OutputTypes): Fields {
  const orderProgress: Field<{ id: string; after?: number | null }> = {
    type: required(output.get('OrderProgress')),
    description:
      'What happens to an order, until it is delivered or rejected, or the token is no longer good. After a break, `after` is the last number that you have.',
    args: {
      id: { type: required(GraphQLID) },
      after: { type: GraphQLInt, defaultValue: 0 },
    },
    subscribe: (_, { id, after }, context) => progressOf(context, id, after ?? 0),
    resolve: (progress) => progress,
  };
  return { orderProgress };
}
