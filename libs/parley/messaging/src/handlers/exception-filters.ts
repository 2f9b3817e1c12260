import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA, FILTER_CATCH_EXCEPTIONS } from '@nestjs/common/constants';
import { ModulesContainer } from '@nestjs/core';
import {
  concat,
  EMPTY,
  from,
  ignoreElements,
  isObservable,
  mergeMap,
  type Observable,
  throwError,
} from 'rxjs';

type Module = ModulesContainer extends Map<string, infer M> ? M : never;

/**
 * Hands the error itself to the pipeline: Nest's own filter would replace it by "Internal server
 * error" before the pipeline can judge it.
 */
@Catch()
export class PassOn implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

/**
 * Shows errors to the filters of a handler and its controller. A filter may report an error, or
 * throw a clearer one in its place; it cannot make a failed handling of a message a success: half
 * of its effects would be committed.
 */
@Catch()
class ShowAndPassOn implements ExceptionFilter {
  constructor(
    private readonly filters: readonly ExceptionFilter[],
    private readonly mayAnswer: boolean,
  ) {}

  catch(error: unknown, host: ArgumentsHost): unknown {
    const filter = this.filters.find((filter) => catches(filter, error));
    if (!filter) return throwError(() => error);
    const result: unknown = filter.catch(error, host);
    return this.mayAnswer
      ? result
      : concat(
          ended(result),
          throwError(() => error),
        );
  }
}

/**
 * Puts the filters of every handler in their right order: the method's, the controller's, then
 * ours. Nest would ask only the first that matches, which depends on where the decorators stand.
 * Global filters are for the edge and are not asked.
 */
export function showErrorsToFilters(app: INestApplication): void {
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values())
      if (metatype) bindFilters(module, metatype as Type);
  }
}

const HANDLES = Symbol('parley.handles');

/** Records that a method handles a contract, and whether a filter may answer in its place. */
export const noteHandler = (method: object, mayAnswer: boolean): void =>
  Reflect.defineMetadata(HANDLES, { mayAnswer }, method);

function bindFilters(module: Module, controller: Type): void {
  for (const method of methodsOf(controller)) {
    const noted = Reflect.getMetadata(HANDLES, method) as
      { readonly mayAnswer: boolean } | undefined;
    if (!noted) continue;
    const declared = declaredOn(method);
    const filters = [...declaredOn(controller), ...declared]
      .reverse()
      .flatMap((filter) => instanceOf(module, filter));
    // Nest asks the last one first; the others stay for the next application of this process to
    // find.
    Reflect.defineMetadata(
      EXCEPTION_FILTERS_METADATA,
      [...declared, new ShowAndPassOn(filters, noted.mayAnswer)],
      method,
    );
  }
}

function declaredOn(target: object): (Type<ExceptionFilter> | ExceptionFilter)[] {
  const filters = (Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, target) ?? []) as (
    Type<ExceptionFilter> | ExceptionFilter
  )[];
  return filters.filter((filter) => !(filter instanceof ShowAndPassOn));
}

function instanceOf(
  module: Module,
  filter: Type<ExceptionFilter> | ExceptionFilter,
): ExceptionFilter[] {
  if (filter === PassOn) return [];
  if (typeof filter !== 'function') return [filter];
  const instance = module.injectables.get(filter)?.instance as ExceptionFilter | undefined;
  return instance ? [instance] : [];
}

function methodsOf({ prototype }: Type): object[] {
  const methods = new Map<string, object>();
  for (
    let at = prototype as object;
    at && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value === 'function' && !methods.has(name)) methods.set(name, value as object);
  }
  return [...methods.values()];
}

function catches(filter: ExceptionFilter, error: unknown): boolean {
  const caught = (Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, filter.constructor) ?? []) as Type[];
  return caught.length === 0 || caught.some((type) => error instanceof type);
}

/** Waits for the value or observable that a filter returned, and lets only its errors through. */
const ended = (result: unknown): Observable<never> =>
  from(Promise.resolve(result)).pipe(
    mergeMap((value) => (isObservable(value) ? value : EMPTY)),
    ignoreElements(),
  );
