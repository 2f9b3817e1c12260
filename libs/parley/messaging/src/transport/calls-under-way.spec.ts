import { call } from '@parley/contract';
import { z } from 'zod';
import { CallerGoneError, CallsUnderWay } from './calls-under-way';

const Ask = call('catalog.ask-price', { request: z.object({}), reply: z.object({}) });

describe('a call that is being answered', () => {
  it('is aborted when its caller goes away', () => {
    const underWay = new CallsUnderWay().begin(Ask);
    underWay.callerGone();
    expect(underWay.signal.reason).toBeInstanceOf(CallerGoneError);
    underWay.end();
  });

  it('is not aborted, at the cost of an error, when its stream closes after the answer', () => {
    const underWay = new CallsUnderWay().begin(Ask);
    underWay.end();
    underWay.callerGone();
    expect(underWay.signal.aborted).toBe(false);
  });
});
