import { ServiceUnavailableException } from '@nestjs/common';
import { call } from '@parley/contract';
import {
  ReplyLostError,
  CallError,
  InvalidMessageError,
  OutageError,
  OwnerUnavailableError,
} from '@parley/messaging';
import { noteEffect, notingEffects } from '@parley/messaging/transport';
import { DeadlineExceededError } from '@parley/resilience';
import { z } from 'zod';
import { type Asked, problem, ProblemError, problemOf } from './problem';

const Weigh = call('scales.weigh', { request: z.object({}), reply: z.object({}) });
const reading: Asked = { method: 'GET', hasKey: false };
const writing: Asked = { method: 'POST', hasKey: false };
const repeatable: Asked = { method: 'POST', hasKey: true };

class Away extends OutageError {
  constructor(readonly effect: 'none' | 'unknown') {
    super('the cupboard is locked');
  }
}

describe('the problem that tells of an error', () => {
  it('is the refusal itself', () => {
    const refusal = problem(400, 'The header X is missing', undefined, [
      { field: 'X', message: 'is missing' },
    ]);
    expect(problemOf(new ProblemError(refusal), writing)).toBe(refusal);
  });

  it('leaves out what there is not', () => {
    expect(problem(404, 'There is nothing here')).toEqual({
      type: 'about:blank',
      title: 'There is nothing here',
      status: 404,
    });
    expect(Object.keys(problem(404, 'x'))).toHaveLength(3);
  });

  it('names the fields of a message that breaks its contract', () => {
    expect(
      problemOf(
        new InvalidMessageError('orders.place-order', [
          { path: 'lines', message: 'names a product twice' },
        ]),
        writing,
      ),
    ).toMatchObject({
      status: 422,
      errors: [{ field: 'lines', message: 'names a product twice' }],
    });
  });

  it('says that nothing was done when what is needed is away', () => {
    for (const error of [new OwnerUnavailableError(Weigh, 'nobody answers'), new Away('none')]) {
      expect(problemOf(error, writing)).toMatchObject({
        status: 503,
        detail: expect.stringContaining('Nothing was done'),
      });
    }
  });

  it.each([
    ['a deadline', new DeadlineExceededError('scales.weigh', 5_000)],
    ['a lost answer', new ReplyLostError(Weigh, 'connection reset')],
    ['an outage in the middle', new Away('unknown')],
  ])('says what is known after %s', (_what, error) => {
    expect(problemOf(error, repeatable)).toMatchObject({
      status: 504,
      detail: 'Whether it took effect is unknown; ask again with the same Idempotency-Key.',
    });
    expect(problemOf(error, writing)).toMatchObject({
      status: 504,
      detail: 'Whether it took effect is unknown; look before you ask again.',
    });
    expect(problemOf(error, reading)?.detail).toMatch(
      /^Nothing was (changed|done); try again in a moment.$/,
    );
  });

  it('does not say that nothing was done after something was', async () => {
    const answer = notingEffects(() => {
      noteEffect();
      return problemOf(new Away('none'), writing);
    });
    expect(answer).toMatchObject({ status: 504 });
  });

  it('is in our words for an error of the framework', () => {
    expect(
      problemOf(
        Object.assign(new Error('Request body is too large'), { statusCode: 413 }),
        writing,
      ),
    ).toMatchObject({ status: 413, title: 'The request is too large' });
    expect(
      problemOf(Object.assign(new Error('x'.repeat(5_000)), { statusCode: 414 }), writing)?.detail,
    ).toHaveLength(200);
    expect(
      problemOf(Object.assign(new Error('I am a teapot'), { status: 418 }), writing),
    ).toMatchObject({ status: 418, title: 'The request was refused' });
    expect(problemOf(new ServiceUnavailableException('closed on Sundays'), writing)).toMatchObject({
      status: 503,
      detail: 'closed on Sundays',
    });
  });

  it.each([
    ['an error', new Error('password=secret')],
    ['an error of a client library', new TypeError('fetch failed')],
    ['an error of 500', Object.assign(new Error('no'), { statusCode: 500 })],
    ['a bug of the owner', new CallError(Weigh as never, 'unhandled', undefined as never)],
    ['a text', 'no'],
    ['nothing', undefined],
    ['null', null],
  ])('is none for %s', (_what, error) => {
    expect(problemOf(error, writing)).toBeUndefined();
  });
});
