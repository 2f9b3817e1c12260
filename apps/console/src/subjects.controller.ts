import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { Fleet, type OperatorRequest } from '@parley/cli';
import { AsOperator } from './access';
import { rowOf } from './passed-on';

const pathOf = (subject: string): string => `/operations/subjects/${encodeURIComponent(subject)}`;

/**
 * Data subjects of messages. Each service answers for the key store that it reads, and for the data
 * that it keeps itself.
 */
@Controller('api/subjects')
export class SubjectsController {
  constructor(private readonly fleet: Fleet) {}

  @Get(':subject')
  async show(@Param('subject') subject: string) {
    return (await this.fleet.askEach(pathOf(subject)))
      .filter(({ status }) => status !== 404)
      .map(rowOf);
  }

  /**
   * Throws the subject's key away, in every key store; where several services share one, the first
   * of them did it.
   */
  @Post(':subject/erase')
  async erase(
    @Param('subject') subject: string,
    @Body() body: unknown,
    @AsOperator() as: Omit<OperatorRequest, 'body'>,
  ) {
    const answers = await this.fleet.sendToEach(`${pathOf(subject)}/erase`, { body, ...as });
    return answers.filter(({ status }) => status !== 404).map(rowOf);
  }
}
