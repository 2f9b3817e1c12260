// node tools/clients/grpcurl.mjs: installs grpcurl, by which a terminal calls a gRPC service, into
// .data/grpcurl. Needs Go.
import { execFileSync } from 'node:child_process';
import path from 'node:path';

const MODULE = 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3';
const root = path.resolve(import.meta.dirname, '../..');
const folder = path.join(root, '.data/grpcurl');

try {
  execFileSync('go', ['version'], { stdio: 'ignore' });
} catch {
  console.error('grpcurl is installed by Go, which is not here: https://go.dev/dl');
  process.exit(1);
}
// Go makes its cache read-only, unless told otherwise.
execFileSync('go', ['install', '-modcacherw', MODULE], {
  env: { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' },
  stdio: 'inherit',
});
console.log(`${path.relative(process.cwd(), path.join(folder, 'grpcurl'))} is installed`);
