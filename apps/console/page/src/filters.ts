// The filters of each screen, as its address has them.

/** `view`: groups, letters or audit. `limit`: letters of each service. */
export const LETTER_FILTERS = [
  'view',
  'service',
  'contract',
  'subscription',
  'error',
  'group',
  'from',
  'to',
  'limit',
] as const;

export const SAGA_FILTERS = ['state', 'saga', 'stage', 'olderThan', 'limit'] as const;
export const CONTRACT_FILTERS = ['kind', 'owner', 'text'] as const;
export const MAP_FILTERS = ['kind', 'at'] as const;

/** `live`: the last ones, all the time. `after`: where an earlier page ended. */
export const MESSAGE_FILTERS = [
  'text',
  'key',
  'contract',
  'service',
  'outcome',
  'error',
  'kind',
  'id',
  'correlation',
  'from',
  'to',
  'live',
  'after',
] as const;
