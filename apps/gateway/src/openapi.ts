import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { Authentication } from './authentication';

/** The edge's description: `/openapi.json`, and a page to read and try it at `/docs`. */
export function describeEdge(app: NestFastifyApplication): void {
  const head = new DocumentBuilder()
    .setTitle('The shop')
    .setDescription('Order tea, follow the parcel. Errors are application/problem+json and name the wrong field.')
    .setVersion('1')
    .addBearerAuth()
    .build();
  const described = () => SwaggerModule.createDocument(app, head);
  const { isOn } = app.get(Authentication);
  SwaggerModule.setup('docs', app, () => (isOn ? described() : withoutTokens(described())), { jsonDocumentUrl: 'openapi.json' });
}

/** As an open edge is: nobody needs a token. */
function withoutTokens(description: OpenAPIObject): OpenAPIObject {
  for (const { get, post } of Object.values(description.paths)) {
    for (const operation of [get, post]) {
      delete operation?.security;
      delete operation?.responses[401];
    }
  }
  delete description.components?.securitySchemes;
  return description;
}
