import { installationSql } from '@parley/postgres';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { databaseUrl } from './config.js';

export class CreateOrders1700000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'create table customer_order (id text primary key, cents integer not null, invoice text)',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table customer_order');
  }
}

/** The schema `parley`: outbox, inbox and dead letters. A newer version takes a new migration. */
export class InstallParley1790000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    const role = decodeURIComponent(new URL(databaseUrl).username);
    await queryRunner.query(installationSql([{ role, service: 'shop' }]));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop schema parley cascade');
  }
}
