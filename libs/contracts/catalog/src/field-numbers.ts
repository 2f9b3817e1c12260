// Written by npm run contracts, with ../catalog.proto: do not edit.
import { fieldNumbers } from '@parley/contract';

fieldNumbers('catalog', {
  ChangePriceRequest: { sku: 1, price: 2 },
  ChangePriceReply: { sku: 1, price: 2, previous: 3 },
  ChangePriceUnknownSkuError: { sku: 1 },
  ListProductsRequest: {},
  ListProductsReply: { products: 1 },
  'ListProductsReply.Products': { sku: 1, name: 2, description: 3, price: 4, grams: 5 },
  QuotePriceRequest: { lines: 1 },
  'QuotePriceRequest.Lines': { sku: 1, quantity: 2 },
  QuotePriceReply: { lines: 1, total: 2 },
  'QuotePriceReply.Lines': { sku: 1, quantity: 2, name: 3, price: 4, grams: 5 },
  QuotePriceUnknownSkuError: { sku: 1, line: 2 },
  QuotePriceTooMuchError: { total: 1, most: 2 },
});
