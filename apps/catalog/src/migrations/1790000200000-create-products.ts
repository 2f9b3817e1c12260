import type { MigrationInterface, QueryRunner } from 'typeorm';
import { products } from '../products';

export class CreateProducts1790000200000 implements MigrationInterface {
  name = 'CreateProducts1790000200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table product (
        sku text primary key,
        name text not null,
        description text not null,
        price int not null check (price >= 0),
        grams int not null check (grams > 0)
      )`);
    await runner.query(
      'insert into product select * from jsonb_to_recordset($1) as p(sku text, name text, description text, price int, grams int)',
      [JSON.stringify(products)],
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table product');
  }
}
