import { call } from '@parley/contract';
import { DeadlineExceededError } from '@parley/resilience';
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

  it.each([
    ['in the last tenth of its time', 901, DeadlineExceededError],
    ['before', 899, CallerGoneError],
  ])('has its deadline as the reason when its caller goes away %s', (_, later, reason) => {
    const start = performance.now();
    const now = jest.spyOn(performance, 'now').mockReturnValue(start);
    const underWay = new CallsUnderWay().begin(Ask, 1_000);
    now.mockReturnValue(start + later);
    underWay.callerGone();
    now.mockRestore();
    expect(underWay.signal.reason).toBeInstanceOf(reason);
    underWay.end();
  });

  it('is not aborted, at the cost of an error, when its stream closes after the answer', () => {
    const underWay = new CallsUnderWay().begin(Ask);
    underWay.end();
    underWay.callerGone();
    expect(underWay.signal.aborted).toBe(false);
  });
});
