import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Parsed maps kept in memory, about 100 KB each. */
const KEPT_MAPS = 20;
/** `…/dist/apps/orders/src/main.js:12:7`, as V8 writes a position: alone, or in parentheses. */
const POSITION = /(?<![^\s(])((?:file:\/\/)?\/[^\s()]{1,1000}\.js):(\d{1,9}):(\d{1,9})/;

const maps = new Map<string, SourceMap | undefined>();

/**
 * Stacks name the TypeScript sources, for logs and dead letters. Maps are read when a stack is:
 * Node's own --enable-source-maps keeps the map of every module, about 20 MB a process, and is left
 * alone where it is on.
 */
export function mapStacks(): void {
  if (
    process.execArgv.includes('--enable-source-maps') ||
    process.env['NODE_OPTIONS']?.includes('--enable-source-maps')
  )
    return;
  Error.prepareStackTrace = (error, sites) =>
    [headOf(error), ...sites.map((site) => `    at ${atSource(String(site))}`)].join('\n');
}

function headOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return 'Error';
  }
}

/** The frame as its source has it; unchanged where there is no map. */
export function atSource(frame: string): string {
  return frame.replace(POSITION, (position, file: string, line: string, column: string) => {
    const source = mapOf(file)?.findEntry(Number(line) - 1, Number(column) - 1);
    return source && 'originalSource' in source
      ? `${relative(process.cwd(), pathOf(source.originalSource))}:${source.originalLine + 1}:${source.originalColumn + 1}`
      : position;
  });
}

function mapOf(file: string): SourceMap | undefined {
  if (file.includes('/node_modules/')) return undefined;
  if (!maps.has(file)) {
    if (maps.size >= KEPT_MAPS) maps.delete(maps.keys().next().value as string);
    maps.set(file, read(`${pathOf(file)}.map`));
  }
  return maps.get(file);
}

function read(file: string): SourceMap | undefined {
  try {
    return new SourceMap(
      JSON.parse(readFileSync(file, 'utf8')) as ConstructorParameters<typeof SourceMap>[0],
    );
  } catch {
    return undefined; // without a map the position in the compiled file is the best there is
  }
}

const pathOf = (file: string): string => (file.startsWith('file://') ? fileURLToPath(file) : file);
