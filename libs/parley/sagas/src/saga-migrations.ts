import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * `state` is json, not jsonb: jsonb refuses texts that people do send. No index has a column that
 * steps change, except the one of the end, so that updates stay within their page.
 */
class CreateSagas1790000000000 implements MigrationInterface {
  name = 'CreateSagas1790000000000';

  async up(runner: QueryRunner): Promise<void> {
    const schema = schemaOf(runner.dataSource.options);
    await runner.query(`
      create table ${schema}saga (
        name text not null,
        key text not null,
        state json not null,
        stage text,
        version int not null default 1,
        correlation_id text not null,
        traceparent text not null,
        started_at timestamptz not null default statement_timestamp(),
        changed_at timestamptz not null default statement_timestamp(),
        ended_at timestamptz,
        history jsonb not null,
        primary key (name, key)
      ) with (fillfactor = 70)`);
    await runner.query(`create index saga_started on ${schema}saga (name, started_at)`);
    await runner.query(
      `create index saga_ended on ${schema}saga (name, ended_at) where ended_at is not null`,
    );
    await runner.query(`
      create table ${schema}saga_timeout (
        saga text not null,
        key text not null,
        name text not null,
        due timestamptz not null,
        times int not null,
        failures int not null default 0,
        error text,
        primary key (saga, key, name)
      )`);
    await runner.query(`create index saga_timeout_due on ${schema}saga_timeout (due)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    const schema = schemaOf(runner.dataSource.options);
    await runner.query(`drop table ${schema}saga_timeout, ${schema}saga`);
  }
}

/** Repairs by operators, apart from the sagas: they outlive them. */
class AddSagaRepairs1790000000001 implements MigrationInterface {
  name = 'AddSagaRepairs1790000000001';

  async up(runner: QueryRunner): Promise<void> {
    const schema = schemaOf(runner.dataSource.options);
    await runner.query(`
      create table ${schema}saga_repair (
        id bigint generated always as identity primary key,
        at timestamptz not null default clock_timestamp(),
        saga text not null,
        key text not null,
        who text not null,
        action text not null,
        reason text not null,
        outcome text not null
      )`);
    await runner.query(`create index saga_repair_of on ${schema}saga_repair (saga, key)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table ${schemaOf(runner.dataSource.options)}saga_repair`);
  }
}

/** For the service's list of migrations: the tables live in its own schema, beside its data. */
export const sagaMigrations = [CreateSagas1790000000000, AddSagaRepairs1790000000001];

/** Prefix of a table's name: the data source's schema, or nothing, for the role's search path. */
export function schemaOf(options: object): string {
  const { schema } = options as { schema?: string };
  return schema === undefined ? '' : `"${schema.replaceAll('"', '""')}".`;
}
