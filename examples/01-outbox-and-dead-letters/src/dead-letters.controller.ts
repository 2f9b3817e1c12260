import { Controller, Get, NotFoundException, Param, Post } from '@nestjs/common';
import { type DeadLetterService, Messaging } from '@parley/messaging';

/** For operators: an application guards it. */
@Controller('dead-letters')
export class DeadLettersController {
  private readonly deadLetters: DeadLetterService;

  constructor(messaging: Messaging) {
    if (!messaging.deadLetters) throw new Error('dead letters take a store');
    this.deadLetters = messaging.deadLetters;
  }

  @Get()
  async list(): Promise<object[]> {
    const letters = await this.deadLetters.list({ limit: 100 });
    return letters.map(({ id, headers, failure }) => ({
      ...{ id, contract: headers['type'], error: failure.message },
    }));
  }

  @Post(':id/replay')
  async replay(@Param('id') id: string): Promise<void> {
    const done = await this.deadLetters.letters.replay(id, { who: 'an operator' });
    if (!done) throw new NotFoundException(`there is no dead letter ${id}`);
  }
}
