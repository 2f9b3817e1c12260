import {
  BadRequestException,
  Controller,
  Get,
  NotFoundException,
  Param,
  Query,
  ServiceUnavailableException,
} from '@nestjs/common';
import { z } from 'zod';
import { MessageKeeper, NothingKeptError } from './message-keeper';
import type { MessageStore } from './message-store';

const text = z.string().max(1_000).optional();
const time = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-30T12:00:00Z' });

const Search = z.strictObject({
  id: text,
  correlation: text,
  key: text,
  trace: text,
  contract: text,
  kind: text,
  service: text,
  outcome: text,
  error: text,
  text,
  from: time.optional(),
  to: time.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  after: text,
});

/** Handled messages and their traces, as services reported them. */
@Controller('api')
export class MessagesController {
  constructor(private readonly keeper: MessageKeeper) {}

  /** The last ones that fit; `after` is `next` of the page before. */
  @Get('messages')
  search(@Query() query: Record<string, string>) {
    const asked = Search.safeParse(query);
    if (!asked.success) throw new BadRequestException(z.prettifyError(asked.error));
    const { limit, after, ...filter } = asked.data;
    return this.asked((messages) => messages.search(filter, limit, after));
  }

  /** The bounds of the store, and what it has. */
  @Get('messages/store')
  store() {
    const { kept, figures } = this.keeper;
    return this.asked(async ({ segments }) => ({
      kept: { hours: kept.time / 3_600_000, bytes: kept.bytes },
      bytes: await segments.bytes(),
      since: (await segments.all()).at(-1)?.since,
      ...figures,
    }));
  }

  @Get('messages/:id')
  async message(@Param('id') id: string) {
    const found = await this.asked((messages) => messages.message(id));
    if (!found) throw new NotFoundException(`no message ${id} is kept here`);
    return found;
  }

  /** All messages of a conversation, in the order in which they were sent. */
  @Get('conversations/:correlation')
  conversation(@Param('correlation') correlation: string) {
    return this.asked((messages) => messages.conversation(correlation));
  }

  /** Spans and messages of a trace. */
  @Get('traces/:trace')
  trace(@Param('trace') trace: string) {
    return this.asked((messages) => messages.trace(trace));
  }

  private async asked<T>(ask: (messages: MessageStore) => Promise<T>): Promise<T> {
    try {
      return await ask(this.keeper.messages);
    } catch (error) {
      if (error instanceof NothingKeptError) throw new ServiceUnavailableException(error.message);
      throw error;
    }
  }
}
