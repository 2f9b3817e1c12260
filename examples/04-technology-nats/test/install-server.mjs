// Builds the NATS server of the suites with Go, into .data/. Fails without Go, or without its module
// proxy: the suites are not run then.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const MODULE = 'github.com/nats-io/nats-server/v2@v2.15.2';
const folder = path.resolve(import.meta.dirname, '../.data');
const program = path.join(folder, 'nats-server');
const stamp = path.join(folder, 'nats-server.version');

const isBuilt = () =>
  fs.existsSync(program) && fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === MODULE;

if (process.env.NATS_URL) console.log(`NATS: the one at NATS_URL`);
else if (isBuilt()) console.log(`NATS: ${MODULE}`);
else {
  fs.mkdirSync(folder, { recursive: true });
  try {
    console.log(`NATS: building ${MODULE} …`);
    execFileSync('go', ['install', MODULE], { env: { ...process.env, GOBIN: folder } });
    fs.writeFileSync(stamp, MODULE);
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    const why = code === 'ENOENT' ? 'Go is not installed' : message.split('\n')[0];
    console.error(`NATS: no server (${why}); set NATS_URL to one with JetStream, or install Go`);
    process.exitCode = 1;
  }
}
