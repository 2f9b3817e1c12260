/** A database, independent of the address by which it was reached. */
export interface Installation {
  readonly technology: string;
  /** Names the database itself: two stores with one id commit together. */
  installation(): Promise<string>;
}
