import { Body, Controller, Get, Post } from '@nestjs/common';
import { Messenger, Transactions } from '@parley/messaging';
import { DataSource } from 'typeorm';
import { WriteInvoice } from './messages.js';

@Controller()
export class OrdersController {
  constructor(
    private readonly transactions: Transactions,
    private readonly messenger: Messenger,
    private readonly dataSource: DataSource,
  ) {}

  @Post('orders')
  async order(@Body() order: WriteInvoice): Promise<void> {
    await this.transactions.run(async () => {
      // The application's own writes here and the message commit together or not at all.
      await this.messenger.send(WriteInvoice, order);
    });
  }

  @Get('invoices')
  invoices(): Promise<WriteInvoice[]> {
    return this.dataSource.query('select order_id "orderId", cents from invoice order by order_id');
  }
}
