import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateMail1790000600000 implements MigrationInterface {
  name = 'CreateMail1790000600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table mail (
        order_id uuid primary key,
        message_id text not null unique,
        recipient text not null,
        subject text not null,
        sent_at timestamptz not null default now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table mail');
  }
}
