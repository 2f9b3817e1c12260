import { Inject, Injectable } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Messenger } from '@parley/messaging';
import { ClientGoneError } from '@parley/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  type OperationTypeNode,
} from 'graphql';
import mercurius, { type MercuriusContext, type MercuriusLoaders } from 'mercurius';
import { type Caller, Callers } from '../callers';
import { CustomerOrders } from '../customer-orders';
import { ClientLimits } from '../limits/client-limits';
import { OrderFeed } from '../order-feed';
import { Prices } from '../prices';
import type { EdgeContext } from './context';
import { Documents, GraphqlRequest, operationIn } from './documents';
import { refused, shown } from './errors';
import { LINE } from './schema';
import { GraphqlSettings } from './settings';

/** The injection token of the `GraphQLSchema`. */
export const SCHEMA = Symbol('GraphQLSchema');

/** An answer as GraphQL over HTTP describes it. */
export interface GraphqlAnswer {
  readonly status: number;
  readonly body: { readonly data?: unknown; readonly errors?: readonly GraphQLFormattedError[] };
}

/** Answers GraphQL requests; mercurius executes them. */
@Injectable()
export class GraphqlEdge {
  readonly documents: Documents;

  constructor(
    @Inject(SCHEMA) readonly schema: GraphQLSchema,
    settings: GraphqlSettings,
    private readonly callers: Callers,
    private readonly orders: CustomerOrders,
    private readonly messenger: Messenger,
    private readonly prices: Prices,
    private readonly feed: OrderFeed,
    private readonly limits: ClientLimits,
  ) {
    this.documents = new Documents(schema, settings);
  }

  async answer(
    body: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<GraphqlAnswer> {
    const leaving = new AbortController();
    const left = () => leaving.abort(new ClientGoneError());
    reply.raw.once('close', left);
    try {
      return await this.execute(body, request, reply, leaving.signal);
    } catch (error) {
      return { status: 400, body: { errors: this.errorsOf(error).map((one) => shown(one)) } };
    } finally {
      reply.raw.off('close', left);
    }
  }

  context(caller: () => Promise<Caller>, signal: AbortSignal): EdgeContext {
    const { orders, messenger, prices, feed } = this;
    return {
      caller,
      orders,
      messenger,
      prices,
      feed,
      signal,
    };
  }

  private async execute(
    body: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
    signal: AbortSignal,
  ): Promise<GraphqlAnswer> {
    const asked = requestIn(body);
    const named = this.documents.named(asked);
    const kind = operationIn(named, asked.operationName);
    if (kind === 'subscription')
      throw refused('invalid-document', 'A subscription needs a WebSocket (graphql-transport-ws)');
    if (kind === 'mutation') await this.limits.count(request, reply, 'writes');
    const caller = () => this.callers.of(request.raw);
    const context = { ...this.context(caller, signal), kind };
    const { variables, operationName } = asked;
    const answer = await reply.graphql(
      named.text,
      context,
      variables ?? {},
      operationName ?? undefined,
    );
    return { status: 200, body: answer };
  }

  /** Mercurius throws one error with all errors of a document. */
  private errorsOf(error: unknown): readonly GraphQLError[] {
    if (error instanceof GraphQLError) return [error];
    const { errors } = (error ?? {}) as { errors?: unknown };
    if (Array.isArray(errors) && errors.every((one) => one instanceof GraphQLError))
      return this.documents.withoutHints(errors);
    throw error;
  }
}

/** @throws GraphQLError */
function requestIn(body: unknown): GraphqlRequest {
  if (Array.isArray(body))
    throw refused('invalid-request', 'Batches are not taken; send an operation a request');
  const request = GraphqlRequest.safeParse(body);
  if (request.success) return request.data;
  const issue = request.error.issues[0]!;
  throw refused('invalid-request', `${issue.path.join('.') || 'The body'}: ${issue.message}`);
}

declare module 'mercurius' {
  interface MercuriusContext {
    readonly prices: Prices;
    readonly kind: OperationTypeNode;
  }
}

/** Loads the products of all lines of an answer at once. */
const loaders: MercuriusLoaders = {
  [LINE]: {
    product: {
      loader: async (
        queries: readonly { obj: { sku: string } }[],
        { prices }: MercuriusContext,
      ) => {
        const bySku = new Map((await prices.all()).map((product) => [product.sku, product]));
        return queries.map(({ obj }) => bySku.get(obj.sku) ?? null);
      },
      opts: { cache: false },
    },
  },
};

/**
 * Registers mercurius without its routes: they take texts that are no GraphQL, and check no
 * subscriptions.
 */
export function serveGraphql(app: NestFastifyApplication): void {
  const { schema, documents } = app.get(GraphqlEdge);
  void app
    .getHttpAdapter()
    .getInstance()
    .register(mercurius, {
      schema,
      routes: false,
      loaders,
      // A document takes a hundred times its text in memory: strangers would fill thousands of entries.
      cache: false,
      validationRules: [...documents.rules],
      errorFormatter: ({ data, errors }, { kind }) => ({
        statusCode: 200,
        response: { data: data ?? null, errors: errors.map((error) => shown(error, kind)) },
      }),
    });
}
