// Written by npm run contracts, with ../insights.proto: do not edit.
import { fieldNumbers } from '@parley/contract';

fieldNumbers('insights', {
  GetFiguresRequest: {},
  GetFiguresReply: {
    placed: 1,
    delivered: 2,
    rejected: 3,
    underWay: 4,
    revenue: 5,
    mails: 6,
    duration: 7,
    bestSellers: 8,
    reasons: 9,
  },
  'GetFiguresReply.Duration': { p50: 1, p99: 2 },
  'GetFiguresReply.BestSellers': { sku: 1, name: 2, pieces: 3 },
  'GetFiguresReply.Reasons': { reason: 1, orders: 2 },
});
