import { z } from 'zod';
import { checked, checkedHeader } from './checked';
import type { ProblemError } from './problem';

const refusal = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return (error as ProblemError).problem;
  }
  throw new Error('nothing was refused');
};

describe('a checked value', () => {
  const Order = z.strictObject({
    name: z.string().trim().min(1, 'is empty'),
    lines: z.array(z.strictObject({ quantity: z.int() })),
  });

  it('is as its schema sees it', () => {
    expect(checked(Order, { name: ' Ada ', lines: [] })).toEqual({ name: 'Ada', lines: [] });
  });

  it('is refused by the path of each wrong field', () => {
    const { status, errors } = refusal(() =>
      checked(Order, { name: ' ', lines: [{ quantity: 1 }, { quantity: 1.5 }] }),
    );
    expect(status).toBe(422);
    expect(errors).toEqual([
      { field: 'name', message: 'is empty' },
      { field: 'lines.1.quantity', message: expect.any(String) },
    ]);
  });

  it('is refused by the name of a field that is not of it, wherever that is', () => {
    expect(
      refusal(() =>
        checked(Order, { name: 'x', lines: [{ quantity: 1, colour: 'green' }], size: 1 }),
      ).errors?.map(({ field }) => field),
    ).toEqual(['lines.0.colour', 'size']);
  });

  it('is refused as a whole when it is no object', () => {
    expect(refusal(() => checked(Order, undefined)).errors).toMatchObject([{ field: 'body' }]);
  });

  it('is refused with twenty mistakes at most', () => {
    expect(
      refusal(() => checked(Order, { name: 'x', lines: Array(1_000).fill({}) })).errors,
    ).toHaveLength(20);
  });
});

describe('a checked header', () => {
  const Key = z.string().max(3, 'is too long');

  it('is its value', () => {
    expect(checkedHeader(Key, 'Key', 'abc')).toBe('abc');
  });

  it('is refused by its name when it is missing or wrong', () => {
    expect(refusal(() => checkedHeader(Key, 'Key', undefined))).toMatchObject({
      status: 400,
      errors: [{ field: 'Key', message: 'is missing' }],
    });
    expect(refusal(() => checkedHeader(Key, 'Key', 'abcd'))).toMatchObject({
      status: 400,
      errors: [{ field: 'Key', message: 'is too long' }],
    });
  });
});
