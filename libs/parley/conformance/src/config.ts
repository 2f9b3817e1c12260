/** A folder for the results. Where there is one, everything is tried; else only what is fast. */
export const reportFolder = (): string | undefined => process.env.CONFORMANCE_REPORT || undefined;

/** A folder for what would be tried. Where there is one, nothing is. */
export const declaredFolder = (): string | undefined =>
  process.env.CONFORMANCE_DECLARED || undefined;

/** Where `npm run brokers` keeps what it started. */
export const brokersFolder = (): string => process.env.BROKERS_DIR || '.data/brokers';
