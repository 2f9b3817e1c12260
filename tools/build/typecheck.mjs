// nx typecheck <project>: the types of one project and of what it imports. `npm run typecheck`
// checks the whole tree.
import ts from 'typescript';

const root = process.argv[2];
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
