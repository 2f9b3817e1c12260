import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OperatorRequest } from '@parley/cli';
import type { AuditTrail, OperationsAccess } from '@parley/service';
import type { FastifyReply, FastifyRequest } from 'fastify';

export type Operator = NonNullable<Parameters<AuditTrail['note']>[1]>;

const READS = ['GET', 'HEAD'];
const operators = new WeakMap<FastifyRequest, Operator | undefined>();

/** Marks the routes of the page, which holds no data: they ask for no token. */
export const OPEN = { isOpen: true } as const;

/** Marks the routes for telemetry of services: no operator does anything there. */
export const INGESTION = { isIngestion: true } as const;

/**
 * Admits requests that name a known host, from operators with the needed role or with the token of
 * operations, and writes the requested changes to the audit. A change from a page of another origin
 * is refused: browsers send the page's origin with every change. Reads of routes that are marked as
 * open need a known host only.
 */
export function guard(
  app: NestFastifyApplication,
  access: OperationsAccess,
  audit: AuditTrail,
): void {
  const server = app.getHttpAdapter().getInstance();
  server.addHook('onRequest', async (request, reply) => {
    const { method, headers } = request;
    const admission = await access.admit(method, headers);
    operators.set(request, admission.refusal?.operator ?? operatorIn(admission));
    // By the route that was found, not by the path: a path has many spellings.
    if (isOpen(request) && admission.refusal?.status !== 421) return;
    if (admission.refusal !== undefined)
      return refuse(reply, admission.refusal.status, admission.refusal.message);
    const { origin, host } = headers;
    if (READS.includes(method) || origin === undefined || hostOf(origin) === host) return;
    return refuse(reply, 403, `${origin} may not change anything here`);
  });
  server.addHook('onSend', async (request, reply) => {
    const { method, url, ip } = request;
    if (READS.includes(method) || isIngested(request, reply)) return;
    const path = url.split('?')[0]!;
    audit.note({ method, path, from: ip }, operators.get(request), reply.statusCode);
  });
}

/** The operator of the request, as the audit names them. */
export const CurrentOperator = createParamDecorator((_: unknown, context: ExecutionContext) =>
  operators.get(context.switchToHttp().getRequest<FastifyRequest>()),
);

/**
 * The operator's own credentials. They are passed on with a change: the service checks them, and
 * names the operator in its audit.
 */
export const AsOperator = createParamDecorator(
  (_: unknown, context: ExecutionContext): Omit<OperatorRequest, 'body'> => {
    const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
    const operator = headers['x-operator'];
    return {
      operator: typeof operator === 'string' ? operator : undefined,
      authorization: headers.authorization,
    };
  },
);

const isOpen = ({ method, routeOptions }: FastifyRequest): boolean =>
  READS.includes(method) && (routeOptions.config as Partial<typeof OPEN>).isOpen === true;

/** True for telemetry that was admitted: a refusal is audited. */
const isIngested = ({ routeOptions }: FastifyRequest, { statusCode }: FastifyReply): boolean =>
  (routeOptions.config as Partial<typeof INGESTION>).isIngestion === true &&
  ![401, 403, 421].includes(statusCode);

const operatorIn = (
  admission: Awaited<ReturnType<OperationsAccess['admit']>>,
): Operator | undefined => (admission.refusal === undefined ? admission.operator : undefined);

const refuse = (reply: FastifyReply, statusCode: number, message: string) =>
  reply.status(statusCode).send({ message, statusCode });

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined;
