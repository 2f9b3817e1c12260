import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateOrders1790000100000 implements MigrationInterface {
  name = 'CreateOrders1790000100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table orders (
        order_id uuid primary key,
        idempotency_key text not null unique,
        fingerprint text not null,
        customer jsonb not null,
        lines jsonb not null,
        total int not null check (total >= 0),
        placed_at timestamptz(3) not null
      )`);
    await runner.query(`
      create table order_view (
        order_id uuid primary key,
        status text not null,
        lines jsonb not null,
        total int not null,
        history jsonb not null,
        placed_at timestamptz(3) not null,
        finished_at timestamptz(3)
      ) with (fillfactor = 60)`);
    await runner.query(
      'create index order_view_placed on order_view (placed_at desc, order_id desc)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table order_view, orders');
  }
}
