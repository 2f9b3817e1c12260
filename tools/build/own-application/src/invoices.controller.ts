import { Controller } from '@nestjs/common';
import { type HandlerContext, Handles, UnrecoverableError } from '@parley/messaging';
import { WriteInvoice } from './messages.js';
import { Printer } from './printer.js';

@Controller()
export class InvoicesController {
  constructor(private readonly printer: Printer) {}

  @Handles(WriteInvoice)
  async write({ orderId, cents }: WriteInvoice, { tx }: HandlerContext): Promise<void> {
    // Any other error is tried again first; this one says that it would not help.
    if (cents > 100_000 && !this.printer.isOn) throw new UnrecoverableError('the printer is off');
    await tx.query('insert into invoice values ($1, $2)', [orderId, cents]);
  }
}
