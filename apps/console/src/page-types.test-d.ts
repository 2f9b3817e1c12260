// Not run: where the page declares an answer otherwise than the code that gives it, or a field that
// no answer has, `npm run typecheck` fails.
import type { readinessOf } from '@parley/cli';
import type { AuditEntry, BulkResult, DeadLetter, ReplayPreview } from '@parley/messaging';
import type { Backlog, DeadLetterGroup, HandlerInfo, Overdue } from '@parley/messaging/transport';
import type { SagaSummary } from '@parley/sagas';
import type * as page from '../page/src/api/types';
import type { FleetController } from './fleet.controller';

/** A value as JSON carries it. */
type Json<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? readonly Json<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Json<T[K]> }
      : T;

declare const nowhere: unique symbol;
/** The fields of an answer that the page shows. */
type Sent<Shown, Answer> = {
  readonly [K in keyof Shown]: K extends keyof Answer ? Json<Answer[K]> : typeof nowhere;
};
declare function sent<Shown, Answer>(): Sent<Shown, Answer>;
declare function shows<Shown>(sent: Shown): void;

type ItemOf<T> = T extends { readonly items: readonly (infer E)[] } ? E : never;
type HandlerOf<T> = T extends { readonly handlers: readonly (infer E)[] } ? E : never;
type Readiness = ReturnType<typeof readinessOf>;

type Ready = Pick<page.Instance, keyof Readiness>;
shows<Ready>(sent<Ready, Readiness>());
shows<page.Me>(sent<page.Me, ReturnType<FleetController['me']>>());
shows<page.Catalogue>(sent<page.Catalogue, Awaited<ReturnType<FleetController['contracts']>>>());
shows<page.SubscriptionBacklog>(sent<page.SubscriptionBacklog, Backlog>());
type Late = ItemOf<page.OverdueOfInstance>;
shows<Late>(sent<Late, Overdue>());

// A body is sent as text, or else as base64.
type Letter = Omit<page.DeadLetter, 'body' | 'bodyBase64'>;
shows<Letter>(sent<Letter, DeadLetter>());
type Failure = page.DeadLetter['failure'];
shows<Failure>(sent<Failure, DeadLetter['failure']>());
shows<page.DeadLetterGroup>(sent<page.DeadLetterGroup, DeadLetterGroup>());
shows<page.AuditEntry>(sent<page.AuditEntry, AuditEntry>());
shows<page.Batch>(sent<page.Batch, BulkResult>());
shows<page.ReplayPreview>(sent<page.ReplayPreview, ReplayPreview>());
type Lane = NonNullable<page.ReplayPreview['lane']>;
shows<Lane>(sent<Lane, NonNullable<ReplayPreview['lane']>>());

type Listed = Omit<page.SagaSummary, 'dead'>;
shows<Listed>(sent<Listed, SagaSummary>());
type How = HandlerOf<page.Explained>;
shows<How>(sent<How, HandlerInfo>());
