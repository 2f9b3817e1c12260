// npm run typecheck: the types of the whole tree. nx typecheck <project>: of one project and of what
// it imports.
import { spawnSync } from 'node:child_process';
import ts from 'typescript';
import { commandLine } from '../terminal/command-line.mjs';

const TREES = ['tsconfig.json', 'apps/console/page', 'apps/gateway/page'];
const HELP = `npm run typecheck [-- folder]      checks the types of the whole tree, or of one project: its folder is named`;

const {
  positionals: [root],
} = commandLine(HELP, { allowPositionals: true });
if (root === undefined) {
  const isBad = (/** @type {string} */ tree) =>
    spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', tree], {
      stdio: 'inherit',
    }).status !== 0;
  process.exit(TREES.some(isBad) ? 1 : 0);
}
const { config } = ts.readConfigFile('tsconfig.base.json', ts.sys.readFile);
const { options, fileNames } = ts.parseJsonConfigFileContent(
  { ...config, include: [`${root}/src`] },
  ts.sys,
  '.',
);
const problems = ts.getPreEmitDiagnostics(ts.createProgram(fileNames, options));

/** @type {ts.FormatDiagnosticsHost} */
const format = {
  getCanonicalFileName: (file) => file,
  getCurrentDirectory: () => process.cwd(),
  getNewLine: () => '\n',
};
if (problems.length) console.error(ts.formatDiagnosticsWithColorAndContext(problems, format));
process.exitCode = problems.length ? 1 : 0;
