import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const ROOT = join(__dirname, '../../../../..');
const PATIENCE = 200_000;

describe('workers that die while messages flow (npm run crash: hundreds of them)', () => {
  // Runs processes of its own. On a busy machine fewer of them are killed: the result is judged
  // after half a minute.
  it(
    'publish what they committed, and handle it once, in order',
    async () => {
      const flags = ['--seed', '42', '--kills', '10', '--failpoints', '40', '--minutes', '0.5'];
      const run = spawn(process.execPath, ['tools/test/crash.mjs', ...flags], {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [report, [code]] = await Promise.all([
        text(run.stdout),
        once(run, 'exit') as Promise<[number | null]>,
      ]);
      expect(report).not.toContain('✗');
      expect(report.match(/each once, in order per key, nothing else/g)).toHaveLength(3);
      expect(code).toBe(0);
    },
    PATIENCE,
  );
});
