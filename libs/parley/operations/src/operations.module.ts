import type { IncomingMessage } from 'node:http';
import {
  All,
  type CanActivate,
  Controller,
  type DynamicModule,
  Inject,
  type InjectionToken,
  Module,
  type ModuleMetadata,
  Req,
  Res,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { Messaging } from '@parley/messaging';
import type { InspectionProvider } from './inspection-provider';
import { OperationsAccess } from './operations-access';
import { OperationsApi } from './operations-api';
import {
  failed,
  fromMessage,
  json,
  type OperationsAnswer,
  type OperationsRequest,
} from './operations-request';
import { readPath } from './request-path';
import { repeatedHeader } from './single-headers';

export interface OperationsModuleOptions {
  /** Below the application's global prefix: `operations` for `/operations/dead-letters`. */
  readonly path: string;
  /** Guards of every request. Their dependencies come from `imports`. */
  readonly guards?: readonly (Type<CanActivate> | CanActivate)[];
  /** True when the application needs no guard here, for instance because it has a global one. */
  readonly open?: boolean;
  /** Modules that provide the dependencies of `guards`. */
  readonly imports?: ModuleMetadata['imports'];
  /**
   * Names by which operators reach the application, beside those of loopback; without ports.
   * Requests to another host are refused: they may come from a web page whose domain points here.
   */
  readonly allowedHosts?: readonly string[];
  /**
   * Name of the operator of a request of Express or fastify, for the audit: the user whom a guard
   * found. Default: the header `x-operator`, marked as claimed.
   */
  readonly operator?: (request: object) => string | undefined;
  /** Further providers of `<path>/<name>`: `{ sagas: SagaOperations }`. */
  readonly operations?: Readonly<Record<string, InjectionToken<InspectionProvider>>>;
  /**
   * Description of the personal data that the application keeps in tables and files of its own.
   * Shown to operators when they erase a subject.
   */
  readonly ownCopies?: string;
}

/** Operations would be open, or have no place. */
export class OperationsModuleError extends Error {
  override readonly name = 'OperationsModuleError';
}

/** A request of Express, or of fastify: that one has the message of Node as `raw`. */
type HttpRequest = { readonly originalUrl?: string; readonly body?: unknown } & (
  IncomingMessage | { readonly raw: IncomingMessage }
);

/**
 * Serves the operations API under a path of an application that has its own HTTP adapter, Express
 * or fastify, behind guards of its own. Services made by @parley/service have it already.
 */
@Module({})
export class OperationsModule {
  /** @throws OperationsModuleError without a guard, and for an unusable path */
  static forRoot(options: OperationsModuleOptions): DynamicModule {
    const path = pathOf(options);
    return {
      module: OperationsModule,
      imports: options.imports ?? [],
      controllers: [controllerAt(path, options)],
      providers: [
        {
          provide: OperationsApi,
          inject: [Messaging, ModuleRef],
          useFactory: (messaging: Messaging, modules: ModuleRef) =>
            apiOf(messaging, modules, options),
        },
      ],
    };
  }
}

function pathOf({ path, guards = [], open = false }: OperationsModuleOptions): string {
  const plain = path.replace(/^\/|\/$/g, '');
  if (!/^[\w-]+(\/[\w-]+)*$/.test(plain))
    throw new OperationsModuleError(
      `OperationsModule cannot be mounted at "${path}"; give it a path such as operations`,
    );
  if (guards.length === 0 && !open)
    throw new OperationsModuleError(
      `OperationsModule at /${plain} has no guard: everybody who reaches it could read and discard messages; give it guards: [YourGuard], or open: true if another protection is there`,
    );
  return plain;
}

function apiOf(
  messaging: Messaging,
  modules: ModuleRef,
  { allowedHosts = [], operations = {}, ownCopies }: OperationsModuleOptions,
): OperationsApi {
  const startedAt = new Date();
  const { service, instance, build } = messaging;
  return new OperationsApi({
    access: new OperationsAccess({ ALLOWED_HOSTS: allowedHosts }, 'allowedHosts'),
    facts: () => ({ service, instance, build, phase: 'running', startedAt }),
    messaging: () => messaging,
    inspectable: Object.keys(operations),
    provider: (name) => {
      const token = operations[name];
      return token === undefined
        ? undefined
        : modules.get<InspectionProvider>(token, { strict: false });
    },
    ownCopies,
    log: (level, message, details) => messaging.log(level, message, details),
  });
}

/**
 * Every path below the mounted one, as Express and fastify both understand it: a wildcard of the
 * one is an error to the other. The longest has six parts; the API's own have three.
 */
const BELOW = [1, 2, 3, 4, 5, 6].map((parts) =>
  Array.from({ length: parts }, (_, at) => `:part${at}`).join('/'),
);

function controllerAt(
  path: string,
  { guards = [], operator }: OperationsModuleOptions,
): Type<object> {
  @Controller({ path, version: VERSION_NEUTRAL })
  @UseGuards(...guards)
  class OperationsController {
    constructor(
      @Inject(OperationsApi) private readonly api: OperationsApi,
      @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
      @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    ) {}

    @All(BELOW)
    async answer(@Req() request: HttpRequest, @Res() response: unknown): Promise<void> {
      const { status, body, type = 'application/json; charset=utf-8' } = await this.asked(request);
      const { httpAdapter } = this.host;
      httpAdapter.setHeader(response, 'content-type', type);
      httpAdapter.setHeader(response, 'cache-control', 'no-store');
      httpAdapter.reply(response, typeof body === 'string' ? body : JSON.stringify(body), status);
    }

    private async asked(request: HttpRequest): Promise<OperationsAnswer> {
      const message = 'raw' in request ? request.raw : request;
      const repeated = repeatedHeader(message.rawHeaders);
      if (repeated !== undefined) return failed(400, `the header ${repeated} comes twice`);
      const below = pathBelow(path, this.config.getGlobalPrefix(), request.originalUrl ?? '');
      const read = below === undefined ? undefined : readPath(below);
      if (!read) return failed(400, 'the path cannot be read');
      return this.api.answer({
        ...withParsedBody(fromMessage(message, read), request.body),
        ...named(operator?.(request)),
      });
    }
  }
  return OperationsController;
}

const named = (operator: string | undefined) => (operator === undefined ? {} : { operator });

/** The application may have read the body already. */
const withParsedBody = (request: OperationsRequest, body: unknown): OperationsRequest =>
  body === undefined || body === null
    ? request
    : { ...request, body: async () => (typeof body === 'string' ? json(body) : body) };

/** `/api/operations/dead-letters?limit=5` → `/dead-letters?limit=5`. By its letters as they came. */
function pathBelow(path: string, globalPrefix: string, url: string): string | undefined {
  const prefix = globalPrefix.replace(/^\/|\/$/g, '');
  const places = [`/${prefix}/${path}/`, `/${path}/`]; // a route may be excluded from the prefix
  const place = places.find((one) => url.startsWith(one));
  return place === undefined ? undefined : url.slice(place.length - 1);
}
