import { All, Body, Controller, Get, NotFoundException, Param, Req, Res } from '@nestjs/common';
import { Fleet, type OperatorRequest } from '@parley/cli';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AsOperator } from './access';
import { passedOn } from './passed-on';

const PATH = 'api/instances';
const PASSED_ON = /^\/(operations|health)\//;

/**
 * Passes on health and operations of each instance, for a command line outside of the network of
 * the instances.
 */
@Controller(PATH)
export class InstancesController {
  constructor(private readonly fleet: Fleet) {}

  /** The paths of the operations of each instance, by service. */
  @Get()
  list(): Record<string, string[]> {
    return Object.fromEntries(
      Object.entries(this.fleet.addresses).map(([service, urls]) => [
        service,
        urls.map((_, index) => `/${PATH}/${service}/${index}/operations`),
      ]),
    );
  }

  @All(':service/:index/*')
  async passOn(
    @Param('service') service: string,
    @Param('index') index: string,
    @Body() body: unknown,
    @AsOperator() as: Omit<OperatorRequest, 'body'>,
    @Req() { method, url }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const instance = this.fleet.addresses[service]?.[Number(index)];
    const path = pathAt(url.slice(`/${PATH}/${service}/${index}`.length));
    if (instance === undefined || path === undefined)
      throw new NotFoundException('there is no such instance, or nothing to pass on');
    const request = method === 'POST' ? { body, ...as } : undefined;
    return passedOn(reply, await this.fleet.ask(service, instance, path, request));
  }
}

/** The path of health or operations, with `..` resolved; undefined for any other path. */
function pathAt(rest: string): string | undefined {
  const { pathname, search } = new URL(rest, 'http://instance');
  return PASSED_ON.test(pathname) ? `${pathname}${search}` : undefined;
}
