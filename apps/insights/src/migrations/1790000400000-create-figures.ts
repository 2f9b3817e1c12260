import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateFigures1790000400000 implements MigrationInterface {
  name = 'CreateFigures1790000400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table order_fact (
        order_id uuid primary key,
        total int,
        lines jsonb,
        placed_at timestamptz(3),
        outcome text,
        finished_at timestamptz(3),
        reason text,
        mails int not null default 0
      ) with (fillfactor = 70)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table order_fact');
  }
}
