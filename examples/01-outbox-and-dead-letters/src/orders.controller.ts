import { Body, ConflictException, Controller, Get, Post } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Messenger, Transactions } from '@parley/messaging';
import { Repository } from 'typeorm';
import { WriteInvoice } from './messages.js';
import { Order } from './order.js';

@Controller('orders')
export class OrdersController {
  constructor(
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    private readonly transactions: Transactions,
    private readonly messenger: Messenger,
  ) {}

  @Get()
  list(): Promise<Order[]> {
    return this.orders.find({ order: { id: 'asc' } });
  }

  @Post()
  async place(@Body() { id, cents }: Order): Promise<void> {
    // The order and the message commit together or not at all.
    await this.transactions.run(async (tx) => {
      await tx.insert(Order, { id, cents });
      await this.messenger.send(WriteInvoice, { orderId: id, cents });
      if (cents > 1_000_000) throw new ConflictException('too much for one order');
    });
  }
}
