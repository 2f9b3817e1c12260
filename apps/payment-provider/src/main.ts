import { config } from './config';
import { Ledger } from './ledger';
import { ProviderServer } from './server';

async function main(): Promise<void> {
  const { host, port, dataDir } = config();
  const server = new ProviderServer(await Ledger.open(dataDir));
  log(`listening on port ${await server.listen(port, host)}, ledger in ${dataDir}`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void server.close().then(() => process.exit(0)));
}

const log = (text: string): void => void process.stdout.write(`payment-provider: ${text}\n`);

main().catch((error: Error) => {
  process.stderr.write(`payment-provider: ${error.message}\n`);
  process.exit(1);
});
