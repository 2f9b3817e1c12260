import type { MigrationInterface, QueryRunner } from 'typeorm';
import { shelves } from '../shelves';

export class CreateStock1790000300000 implements MigrationInterface {
  name = 'CreateStock1790000300000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table stock (
        sku text primary key,
        initial int not null check (initial >= 0),
        available int not null check (available >= 0),
        reserved int not null default 0 check (reserved >= 0),
        shipped int not null default 0 check (shipped >= 0),
        check (initial = available + reserved + shipped)
      ) with (fillfactor = 50)`);
    await runner.query(`
      create table reservation (
        order_id uuid primary key,
        status text not null check (status in ('reserved', 'released', 'shipped')),
        lines jsonb not null
      ) with (fillfactor = 80)`);
    await runner.query(
      'insert into stock (sku, initial, available) select sku, pieces, pieces from jsonb_to_recordset($1) as s(sku text, pieces int)',
      [JSON.stringify(shelves)],
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table reservation, stock');
  }
}
