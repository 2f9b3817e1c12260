// The PostgreSQL of the tests: own data, a free port, shared by test runs that go on at the same
// time.
import net from 'node:net';
import path from 'node:path';
import { usePostgres } from './shared-postgres.mjs';

// Tests prove logic, not disks: nothing they store has to survive a power cut.
const settings = {
  fsync: 'off',
  full_page_writes: 'off',
  max_wal_size: '256MB',
  shared_buffers: '128MB',
};

// Not among the ports that the system gives to connections on their way out: nobody gets it by
// accident before PostgreSQL has it.
async function freePort() {
  for (let port = 30_000 + (process.pid % 2_000); port < 32_768; port++)
    if (await isFree(port)) return port;
  throw new Error('no port from 30000 to 32767 is free for the PostgreSQL of the tests');
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isFree(port) {
  return new Promise((resolve) => {
    const probe = net.createServer().once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

export function useTestPostgres() {
  const dir = path.join(path.resolve(import.meta.dirname, '../..'), '.data/test-postgres');
  return usePostgres({ dir, choosePort: freePort, settings });
}
