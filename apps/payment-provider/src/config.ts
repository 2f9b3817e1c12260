import { z } from 'zod';

const Environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(4090),
  /** Where the ledger is kept. */
  DATA_DIR: z.string().min(1).default('.data/payment-provider'),
});

export interface Config {
  readonly port: number;
  readonly dataDir: string;
}

export function config(environment: NodeJS.ProcessEnv = process.env): Config {
  const { PORT, DATA_DIR } = Environment.parse(environment);
  return { port: PORT, dataDir: DATA_DIR };
}
