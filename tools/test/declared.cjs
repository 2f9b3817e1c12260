// The declarations of the conformance specs, written to the folder CONFORMANCE_DECLARED: they are
// loaded without Jest and try nothing.
const { readdirSync, readFileSync, existsSync } = require('node:fs');
const { join } = require('node:path');

const TRANSPORTS = 'libs/parley/transports';
const nothing = () => undefined;
const each = Object.assign(nothing, { skip: nothing, each: () => nothing });
Object.assign(globalThis, {
  it: each,
  test: each,
  beforeAll: nothing,
  afterAll: nothing,
  beforeEach: nothing,
  afterEach: nothing,
  describe: Object.assign((/** @type {string} */ _name, /** @type {() => void} */ body) => body(), {
    each: () => nothing,
    skip: nothing,
  }),
});

const specs = readdirSync(TRANSPORTS).flatMap((name) => {
  const folder = join(TRANSPORTS, name, 'src');
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => /\.conformance\.(int\.)?spec\.ts$/.test(file))
        .map((file) => join(folder, file))
    : [];
});
for (const spec of specs) {
  // A technology that is not reached declares all the same.
  for (const [, name = ''] of readFileSync(spec, 'utf8').matchAll(/process\.env\.(\w+_URL)/g))
    process.env[name] ??=
      `${name.slice(0, -4).toLowerCase()}://key:secret@127.0.0.1:1?insecure=true`;
  require(join(process.cwd(), spec));
}
process.exit();
