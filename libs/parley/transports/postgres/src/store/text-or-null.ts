import { storable } from '@parley/messaging/transport';

/** A text as a parameter of a statement. */
export const textOrNull = (text: string | undefined): string | null =>
  text === undefined ? null : storable(text);
