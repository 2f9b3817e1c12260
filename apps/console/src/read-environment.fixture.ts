import { join } from 'node:path';

export const ROOT = join(__dirname, '../../..');

/**
 * Variables as the config.ts of a process reads them. A wrong one would end the process; here it
 * throws.
 */
export function readEnvironment(
  name: string,
  variables: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const before = process.env;
  const exit = jest.spyOn(process, 'exit').mockImplementation(() => {
    throw new Error('the environment does not fit');
  });
  const stderr = jest.spyOn(process.stderr, 'write').mockImplementation((output) => {
    throw new Error(String(output));
  });
  process.env = { HOST: '0.0.0.0', ...variables };
  try {
    let read: Record<string, unknown> = {};
    jest.isolateModules(() => {
      const exported = jest.requireActual<{
        environment?: Record<string, unknown>;
        config?: () => Record<string, unknown>;
      }>(join(ROOT, 'apps', name, 'src/config'));
      read = exported.environment ?? exported.config!();
    });
    return read;
  } finally {
    process.env = before;
    exit.mockRestore();
    stderr.mockRestore();
  }
}
