import { issuesOf } from '@parley/messaging/transport';
import type { z } from 'zod';
import { invalid, problem, ProblemError } from './problem';

/** The value as the schema sees it. @throws ProblemError naming the wrong fields */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ProblemError(
    invalid(
      issuesOf(result.error).map(({ path, message }) => ({ field: path || 'body', message })),
    ),
  );
}

/** A header's value. @throws ProblemError naming the header */
export function checkedHeader(
  schema: z.ZodType<string>,
  name: string,
  value: string | undefined,
): string {
  if (value === undefined)
    throw new ProblemError(
      problem(400, `The header ${name} is missing`, undefined, [
        { field: name, message: 'is missing' },
      ]),
    );
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ProblemError(
    problem(400, `The header ${name} cannot be used`, undefined, [
      { field: name, message: result.error.issues[0]!.message },
    ]),
  );
}
