import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { python } from './python';

const GRPCURL = resolve(__dirname, '../../../../../.data/grpcurl/grpcurl');
const REQUIREMENTS = join(__dirname, 'grpc-requirements.txt');
/** Milliseconds for a client, which may have to be compiled first. */
const ANSWERED_WITHIN_MS = 60_000;

/** A client of another make, or why it cannot be had. */
export type GrpcClient<Ask> = { readonly ask: Ask } | { readonly missing: string };

/** grpcurl, which knows a service by its reflection alone: arguments to printed text. */
export function grpcurl(): GrpcClient<(...args: string[]) => Promise<string>> {
  if (!existsSync(GRPCURL))
    return { missing: 'grpcurl is not installed; node tools/clients/grpcurl.mjs installs it' };
  return { ask: (...args) => printed(GRPCURL, args) };
}

/**
 * A program in Python with a client that the stock generator makes of `proto`, for
 * `catalog.Catalog/QuotePrice`.
 */
export function pythonClient(
  proto: string,
): GrpcClient<(address: string, ...lines: (readonly [string, number])[]) => Promise<unknown>> {
  const found = python(REQUIREMENTS);
  if ('missing' in found) return found;
  const args = ['-B', join(__dirname, 'run.py'), found.libraries, 'grpc_program.py'];
  return {
    ask: async (address, ...lines) =>
      JSON.parse(await printed('python3', args, JSON.stringify([proto, address, ...lines]))),
  };
}

/** What a program prints on both outputs: tools differ in where they tell errors. */
function printed(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      { timeout: ANSWERED_WITHIN_MS },
      (_error, stdout, stderr) => resolve(stdout + stderr),
    );
    child.stdin!.end(input);
  });
}
