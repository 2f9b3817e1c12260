/** A folder for the results. When it is set, everything is tried; else only the fast part. */
export const reportFolder = (): string | undefined => process.env.CONFORMANCE_REPORT || undefined;

/** A folder for the declaration of the tests. When it is set, no test is run. */
export const declaredFolder = (): string | undefined =>
  process.env.CONFORMANCE_DECLARED || undefined;

/** The folder in which `npm run brokers` keeps the brokers that it started. */
export const brokersFolder = (): string => process.env.BROKERS_DIR || '.data/brokers';
