import { Controller, Get, Headers, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Freshness, sendPublic } from './caching';
import { ProductList } from './edge.schema';
import { Prices } from './prices';

/** A price may be shown for so long after it has changed; the price of an order is agreed anew. */
const FRESHNESS: Freshness = { maxAge: 5, staleWhileRevalidate: 30 };

@ApiTags('products')
@Controller('products')
export class ProductsController {
  constructor(private readonly prices: Prices) {}

  @Get()
  @ApiOperation({ summary: 'What the shop sells, prices in euro cents' })
  @ApiHeader({
    name: 'If-None-Match',
    required: false,
    description: '`ETag` of the answer that you have',
  })
  @ApiOkResponse({
    standardSchema: ProductList,
    headers: {
      ETag: { description: 'Names this content', schema: { type: 'string' } },
      'Cache-Control': {
        description: 'How long it may be shown again without asking',
        schema: { type: 'string' },
      },
    },
  })
  @ApiResponse({ status: 304, description: 'You have it already' })
  async list(
    @Headers('if-none-match') known: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const products = await this.prices.all();
    sendPublic(reply, { currency: 'EUR', products }, FRESHNESS, known);
  }
}
