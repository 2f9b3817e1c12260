// The PostgreSQL of the tests: own data, a free port, shared by test runs that go on at the same
// time.
import path from 'node:path';
import { freePort } from '../dev/ports.mjs';
import { usePostgres } from './shared-postgres.mjs';

// Tests prove logic, not disks: nothing they store has to survive a power cut.
const settings = {
  fsync: 'off',
  full_page_writes: 'off',
  max_wal_size: '256MB',
  shared_buffers: '128MB',
};

export function useTestPostgres() {
  const dir = path.join(path.resolve(import.meta.dirname, '../..'), '.data/test-postgres');
  return usePostgres({ dir, choosePort: freePort, settings });
}
