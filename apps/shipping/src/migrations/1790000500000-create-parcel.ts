import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateParcel1790000500000 implements MigrationInterface {
  name = 'CreateParcel1790000500000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table parcel (
        order_id uuid primary key,
        status text not null check (status in ('dispatched', 'delivered', 'refused', 'cancelled')),
        parcel_id uuid not null,
        tracking_number text not null,
        city text not null,
        country text not null,
        stops int not null check (stops >= 0),
        changed_at timestamptz not null default now()
      )`);
    // Apart from the parcel, which changes at every stop, while its label never does.
    await runner.query('create table label (order_id uuid primary key, pdf bytea not null)');
    await runner.query('alter table label alter pdf set storage external'); // it shrinks little, and compressing costs
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table label; drop table parcel');
  }
}
