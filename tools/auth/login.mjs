// npm run login: gets a token of the identity provider of `npm start -- --auth`, by a browser on
// this machine.
import path from 'node:path';
import { NOT_RUNNING, readRun } from '../dev/run-file.mjs';
import { commandLine } from '../terminal/command-line.mjs';
import { messageOf } from '../terminal/errors.mjs';
import { logIn } from './device-login.mjs';
import { AUDIENCES } from './identity-provider.mjs';
import { keepLogin } from './login-file.mjs';

process.chdir(path.resolve(import.meta.dirname, '../..'));

const HELP = `npm run login                 as an operator: npm run parley then acts in your name
npm run login -- shop         as a customer: npm run order then orders in your name
npm run login -- <…> --print  prints the token alone, for curl`;

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}

const { values, positionals } = commandLine(HELP, {
  options: { print: { type: 'boolean' } },
  allowPositionals: true,
});
const [audience = 'operations', ...rest] = positionals;
if (rest.length > 0 || (audience !== 'shop' && audience !== 'operations')) {
  console.error(`"${positionals.join(' ')}" is nothing to log in at.\n\n${HELP}`);
  process.exit(2);
}

const { identityProvider } = readRun() ?? fail(NOT_RUNNING);
if (!identityProvider)
  fail('The system runs without log-ins: start it with "npm start -- --auth".');

try {
  const login = await logIn(
    { ...identityProvider, audience: AUDIENCES[audience] },
    ({ url, code }) => console.error(`Open ${url} and log in. The code there is ${code}.`),
  );
  const file = keepLogin(audience, login);
  if (values.print) console.log(login.token);
  else console.error(`Logged in until ${login.expiresAt}; the token is in ${file}.`);
} catch (error) {
  fail(`Nobody logged in: ${messageOf(error)}`);
}
