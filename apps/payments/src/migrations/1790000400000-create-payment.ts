import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreatePayment1790000400000 implements MigrationInterface {
  name = 'CreatePayment1790000400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table payment (
        order_id uuid primary key,
        status text not null check (status in ('captured', 'declined', 'refunded', 'cancelled')),
        amount int not null check (amount >= 0),
        reference text,
        reason text,
        changed_at timestamptz not null default now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table payment');
  }
}
