import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What services told of their messages, and their spans. A segment is a partition of each table
 * (segments.ts makes and drops them); indexes are made when a segment is complete.
 */
export class CreateMessages1796040000000 implements MigrationInterface {
  name = 'CreateMessages1796040000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table segment (
        id int generated always as identity primary key,
        since timestamptz not null default clock_timestamp(),
        until timestamptz,
        -- Of a complete segment, with its indexes.
        bytes bigint
      );
      create table message (
        segment int not null,
        sent timestamptz(3) not null,
        id text collate "C" not null,
        contract text collate "C" not null,
        kind text not null,
        source text collate "C" not null,
        instance text,
        build text,
        key text collate "C",
        correlation text collate "C",
        causation text collate "C",
        trace text collate "C",
        bytes int,
        headers json,
        body text,
        words tsvector
      ) partition by list (segment);
      create table handling (
        segment int not null,
        at timestamptz(3) not null,
        message text collate "C" not null,
        service text collate "C" not null,
        subscription text not null,
        instance text,
        build text,
        outcome text not null,
        attempt int not null,
        tries int not null,
        took real not null,
        waited real not null,
        error text,
        reason text,
        trace text,
        span text
      ) partition by list (segment);
      create table span (
        segment int not null,
        started bigint not null, -- microseconds since the epoch
        took bigint not null,
        trace text collate "C" not null,
        id text not null,
        parent text,
        name text not null,
        kind text not null,
        service text not null,
        instance text,
        build text,
        failed boolean not null,
        attributes json,
        links json
      ) partition by list (segment)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table message, handling, span, segment');
  }
}
