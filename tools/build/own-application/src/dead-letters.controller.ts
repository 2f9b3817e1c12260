import { Controller, Get, NotFoundException, Param, Post } from '@nestjs/common';
import { type DeadLetterService, Messaging } from '@parley/messaging';
import { Printer } from './printer.js';

/** For operators: an application guards it. */
@Controller()
export class DeadLettersController {
  constructor(
    private readonly messaging: Messaging,
    private readonly printer: Printer,
  ) {}

  @Get('dead-letters')
  async list(): Promise<object[]> {
    const letters = await this.deadLetters.list({ limit: 100 });
    return letters.map(({ id, headers, failure }) => ({
      id,
      contract: headers.type,
      key: headers.partitionkey,
      message: failure.message,
    }));
  }

  @Post('dead-letters/:id/replay')
  async replay(@Param('id') id: string): Promise<void> {
    const done = await this.deadLetters.letters.replay(id, { who: 'an operator' });
    if (!done) throw new NotFoundException(`there is no dead letter ${id}`);
  }

  @Post('printer')
  switchOn(): void {
    this.printer.isOn = true;
  }

  private get deadLetters(): DeadLetterService {
    const { deadLetters } = this.messaging;
    if (!deadLetters) throw new Error('dead letters take a store');
    return deadLetters;
  }
}
