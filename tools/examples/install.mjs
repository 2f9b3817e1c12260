import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../terminal/errors.mjs';
import { NotTriedError } from './not-tried.mjs';

const WORDS_AT_MOST = 60;

/**
 * Runs a program to its end.
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} [env]
 * @throws with the last lines that it printed
 */
export async function run(program, args, cwd, env = process.env) {
  const shell = process.platform === 'win32';
  try {
    await promisify(execFile)(program, args, { cwd, env, shell, maxBuffer: 1 << 26 });
  } catch (error) {
    const { stdout = '', stderr = '' } = /** @type {{ stdout?: string, stderr?: string }} */ (
      error
    );
    const said = `${stdout}${stderr}`.trim().split('\n').slice(-WORDS_AT_MOST).join('\n');
    throw new Error(`${program} ${args.join(' ')} failed: ${said || messageOf(error)}`);
  }
}

/**
 * Installs the Python packages of an example beside it, in `.venv`.
 * @param {string} folder
 */
export async function usePython(folder) {
  const pip = path.join(folder, '.venv/bin/pip');
  try {
    await run('python3', ['-m', 'venv', '.venv'], folder);
    const quietly = ['--quiet', '--disable-pip-version-check'];
    await run(pip, ['install', ...quietly, '-r', 'requirements.txt'], folder);
  } catch (error) {
    const reason = messageOf(error).split('\n')[0];
    throw new NotTriedError(`Python with its packages cannot be had here (${reason})`);
  }
}

/**
 * Runs the program with which an example provides a server for its tests.
 * @param {string} folder
 * @param {string} program
 */
export async function provideServer(folder, program) {
  try {
    await run(process.execPath, [program], folder);
  } catch (error) {
    throw new NotTriedError(`its server cannot be had here (${messageOf(error)})`);
  }
}
