import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GraphqlEdge } from './graphql-edge';

const OWN_TYPE = 'application/graphql-response+json';

/** `POST /graphql`. Its description is schema.graphql, not OpenAPI. */
@ApiExcludeController()
@Controller('graphql')
export class GraphqlController {
  constructor(private readonly edge: GraphqlEdge) {}

  @Post()
  async execute(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const answer = await this.edge.answer(body, request, reply);
    const type = request.headers.accept?.includes(OWN_TYPE) ? OWN_TYPE : 'application/json';
    void reply
      .status(answer.status)
      .header('content-type', `${type}; charset=utf-8`)
      .send(JSON.stringify(answer.body));
  }
}
