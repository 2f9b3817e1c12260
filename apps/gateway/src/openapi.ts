import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** The edge's description: `/openapi.json`, and a page to read and try it at `/docs`. */
export function describeEdge(app: NestFastifyApplication): void {
  const head = new DocumentBuilder()
    .setTitle('The shop')
    .setDescription('Order tea, follow the parcel. Errors are application/problem+json and name the wrong field.')
    .setVersion('1')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, head), { jsonDocumentUrl: 'openapi.json' });
}
