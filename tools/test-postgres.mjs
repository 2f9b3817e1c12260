// The PostgreSQL of the tests: own data, a free port, shared by test runs that go on at the same time.
import net from 'node:net';
import path from 'node:path';
import { usePostgres } from './shared-postgres.mjs';

// Tests prove logic, not disks: nothing they store has to survive a power cut.
const settings = { fsync: 'off', full_page_writes: 'off', max_wal_size: '256MB', shared_buffers: '128MB' };

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export function useTestPostgres() {
  const dir = path.join(path.dirname(import.meta.dirname), '.data/test-postgres');
  return usePostgres({ dir, choosePort: freePort, settings });
}
