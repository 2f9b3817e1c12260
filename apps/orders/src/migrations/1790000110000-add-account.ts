import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddAccount1790000110000 implements MigrationInterface {
  name = 'AddAccount1790000110000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table orders add column account text');
    await runner.query('alter table order_view add column account text');
    await runner.query(
      'create index order_view_account on order_view (account, placed_at desc, order_id desc) where account is not null',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table order_view drop column account');
    await runner.query('alter table orders drop column account');
  }
}
