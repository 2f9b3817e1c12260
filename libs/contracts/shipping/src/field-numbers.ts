// Written by npm run contracts, with ../shipping.proto: do not edit.
import { fieldNumbers } from '@parley/contract';

fieldNumbers('shipping', {
  GetLabelRequest: { orderId: 1 },
  GetLabelReply: { fileName: 1, pdf: 2 },
  GetLabelNoLabelError: { orderId: 1 },
});
