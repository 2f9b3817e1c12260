// Written by npm run contracts, with ../inventory.proto: do not edit.
import { fieldNumbers } from '@parley/contract';

fieldNumbers('inventory', {
  ListStockRequest: {},
  ListStockReply: { levels: 1 },
  'ListStockReply.Levels': { sku: 1, initial: 2, available: 3, reserved: 4, shipped: 5 },
});
