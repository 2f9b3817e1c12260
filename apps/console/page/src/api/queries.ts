import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { ask } from './client';
import type * as api from './types';
import { queryOf } from '../shared/url-state';

/** Data of a screen is asked for again so often, while the screen is looked at. */
const EVERY_MS = 4_000;
/** The last messages, while they are watched. */
const TAIL_EVERY_MS = 1_500;

const live = <T>(key: readonly unknown[], path: string) =>
  queryOptions({
    queryKey: key,
    queryFn: ({ signal }) => ask<T>(path, { signal }),
    refetchInterval: EVERY_MS,
    placeholderData: keepPreviousData,
  });

type Values = Readonly<Record<string, string | number | undefined>>;
const part = encodeURIComponent;

export const me = () =>
  queryOptions({
    queryKey: ['me'],
    queryFn: ({ signal }) => ask<api.Me>('me', { signal }),
    staleTime: Infinity,
  });
export const instances = () => live<readonly api.Instance[]>(['services'], 'services');
export const backlog = () => live<readonly api.Backlog[]>(['backlog'], 'backlog');
export const overdue = () => live<readonly api.OverdueOfInstance[]>(['overdue'], 'overdue');
export const concurrency = () =>
  live<readonly api.ConcurrencyOfInstance[]>(['concurrency'], 'concurrency');
/** The count of each service. */
export const deadCounts = () =>
  live<readonly api.DeadLetters[]>(['dead-letters', 'counts'], 'dead-letters?limit=1');
export const deadLetters = (filter: Values) =>
  live<readonly api.DeadLetters[]>(
    ['dead-letters', 'list', filter],
    `dead-letters${queryOf(filter)}`,
  );
export const groups = (filter: Values) =>
  live<readonly api.DeadLetterGroups[]>(
    ['dead-letters', 'groups', filter],
    `dead-letters/groups${queryOf(filter)}`,
  );
export const replayRuns = () =>
  live<readonly api.ReplayRuns[]>(['dead-letters', 'runs'], 'dead-letters/runs');
export const audit = (filter: Values) =>
  live<readonly api.Audit[]>(
    ['dead-letters', 'audit', filter],
    `dead-letters/audit${queryOf(filter)}`,
  );
export const deadLetter = (service: string, id: string) => ({
  ...live<api.DeadLetter & { readonly replay: api.ReplayPreview }>(
    ['dead-letters', 'one', service, id],
    `dead-letters/${part(service)}/${part(id)}`,
  ),
  // Another letter must never be shown in the place of this one.
  placeholderData: undefined,
});
export const sagas = (filter: Values) =>
  live<readonly api.Sagas[]>(['sagas', filter], `sagas${queryOf(filter)}`);
export const saga = (service: string, name: string, key: string) => ({
  ...live<api.Saga>(
    ['saga', service, name, key],
    `sagas/${part(service)}/${part(name)}/${part(key)}`,
  ),
  placeholderData: undefined,
});
export const catalogue = () => live<api.Catalogue>(['contracts'], 'contracts');
export const explained = (contract: string) => ({
  ...live<readonly api.Explained[]>(['explain', contract], `explain/${part(contract)}`),
  placeholderData: undefined,
});

/** A page of the search for messages; live: the last ones are asked for all the time. */
export const messages = (filter: Values, isLive: boolean) =>
  queryOptions({
    queryKey: ['messages', filter],
    queryFn: ({ signal }) => ask<api.MessagePage>(`messages${queryOf(filter)}`, { signal }),
    refetchInterval: isLive ? TAIL_EVERY_MS : false,
    placeholderData: keepPreviousData,
  });
export const message = (id: string) => ({
  ...live<api.KeptMessage>(['message', id], `messages/${part(id)}`),
  placeholderData: undefined,
});
export const conversation = (correlation: string) => ({
  ...live<readonly api.KeptMessage[]>(
    ['conversation', correlation],
    `conversations/${part(correlation)}`,
  ),
  placeholderData: undefined,
});
export const trace = (id: string) => ({
  ...live<api.Trace>(['trace', id], `traces/${part(id)}`),
  placeholderData: undefined,
});
