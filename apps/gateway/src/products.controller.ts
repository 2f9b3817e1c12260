import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ProductList } from './edge.schema';
import { Prices } from './prices';

@ApiTags('products')
@Controller('products')
export class ProductsController {
  constructor(private readonly prices: Prices) {}

  @Get()
  @ApiOperation({ summary: 'What the shop sells, prices in euro cents' })
  @ApiOkResponse({ standardSchema: ProductList })
  async list() {
    return { currency: 'EUR', products: await this.prices.all() };
  }
}
