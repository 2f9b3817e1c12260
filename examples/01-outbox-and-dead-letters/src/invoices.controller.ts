import { Controller, Post } from '@nestjs/common';
import { type HandlerContext, Handles } from '@parley/messaging';
import { WriteInvoice } from './messages.js';
import { Order } from './order.js';

@Controller()
export class InvoicesController {
  private printerIsOn = false;

  @Post('printer')
  switchOn(): void {
    this.printerIsOn = true;
  }

  @Handles(WriteInvoice, { retry: { immediate: 1, delays: ['1s'] } })
  async write({ orderId, cents }: WriteInvoice, { tx }: HandlerContext): Promise<void> {
    if (cents > 100_000 && !this.printerIsOn) throw new Error('the printer is off');
    // Commits together with the acknowledgement of the message.
    await tx.update(Order, orderId, { invoice: `invoice of ${orderId}` });
    console.log(`invoice of ${orderId}: ${cents / 100} €`);
  }
}
