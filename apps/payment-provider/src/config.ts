import { z } from 'zod';

const Environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(4090),
  HOST: z.string().default('127.0.0.1'),
  /** Where the ledger is kept. */
  DATA_DIR: z.string().min(1).default('.data/payment-provider'),
});

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
}

/** @throws Error that names the wrong variables */
export function config(environment: NodeJS.ProcessEnv = process.env): Config {
  const read = Environment.safeParse(environment);
  if (!read.success)
    throw new Error(`the environment does not fit: ${z.prettifyError(read.error)}`);
  const { HOST, PORT, DATA_DIR } = read.data;
  return { host: HOST, port: PORT, dataDir: DATA_DIR };
}
