import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { Authentication } from './authentication';
import { ProblemBody } from './edge.schema';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

const VERBS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Answers that every route may give beside its own ones. */
const ALWAYS: Readonly<Record<string, string>> = {
  400: 'The request cannot be read, or a header comes twice',
  405: 'The method is not for this resource; Allow names those that are',
  415: 'The body is not plain application/json',
  429: 'These are more requests than your limit; Retry-After says when to try again',
  500: 'A bug of the shop; it has a note of it',
  503: 'A service is away; nothing was done. Retry-After says when to try again',
  504: 'Nobody answered in time, or the answer was lost; `detail` says what is known',
};
/** Answers that a route with a request body may give. */
const WITH_BODY: Readonly<Record<string, string>> = {
  413: 'The body is too large',
  422: 'Names the fields that are wrong',
};

/** The edge's description: `/openapi.json`, and a page to read and try it at `/docs`. */
export function describeEdge(app: NestFastifyApplication): void {
  const { isOn } = app.get(Authentication);
  const described = () => edgeDescription(app);
  SwaggerModule.setup('docs', app, () => (isOn ? described() : withoutTokens(described())), {
    jsonDocumentUrl: 'openapi.json',
  });
}

/** The description of an edge with authentication. */
export function edgeDescription(app: NestFastifyApplication): OpenAPIObject {
  const head = new DocumentBuilder()
    .setTitle('The shop')
    .setDescription(
      'Order tea, follow the parcel. Errors are application/problem+json (RFC 9457) and name the wrong field.',
    )
    .setVersion('1')
    .addBearerAuth()
    .build();
  return withProblems(SwaggerModule.createDocument(app, head));
}

/** Adds every error that a route may answer, as a problem: Nest knows only declared ones. */
function withProblems(description: OpenAPIObject): OpenAPIObject {
  const content = {
    'application/problem+json': {
      schema: z.toJSONSchema(ProblemBody, { target: 'openapi-3.0' }) as object,
    },
  };
  for (const operation of operationsOf(description)) {
    const { responses } = operation;
    const entries = Object.entries(responses).flatMap(([status, response]) =>
      Number(status) >= 400 && response && 'description' in response
        ? [[status, response.description] as const]
        : [],
    );
    const problems = {
      ...ALWAYS,
      ...(operation.requestBody && WITH_BODY),
      ...(has('query', operation) && { 422: 'Names the parameters that are wrong' }),
      ...(has('path', operation) && {
        404: 'There is nothing of this name, or it is not for you',
        414: 'The address is too long',
      }),
      ...Object.fromEntries(entries),
    };
    for (const [status, text] of Object.entries(problems))
      responses[status] = { description: text, content };
  }
  return description;
}

const has = (place: 'query' | 'path', { parameters = [] }: Operation): boolean =>
  parameters.some((parameter) => 'in' in parameter && parameter.in === place);

/** The description of an open edge: no request needs a token. */
function withoutTokens(description: OpenAPIObject): OpenAPIObject {
  for (const operation of operationsOf(description)) {
    delete operation.security;
    delete operation.responses[401];
  }
  delete description.components?.securitySchemes;
  return description;
}

const operationsOf = ({ paths }: OpenAPIObject): Operation[] =>
  Object.values(paths).flatMap((path) => VERBS.flatMap((verb) => path[verb] ?? []));
