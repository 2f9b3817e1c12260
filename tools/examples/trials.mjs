// The variants in which each example is tried, beside the one of its package.json.

/** @typedef {{ dependencies: Record<string, string> }} Manifest */

/**
 * @typedef {object} Trial
 * @property {string} example its folder
 * @property {string} name of the folder in which it is installed; trials of one name share it
 * @property {string} label as it is printed
 * @property {(manifest: Manifest) => Manifest} adapt what is installed
 * @property {'commonjs' | 'module'} [type] of its modules; default: as its package.json says
 * @property {string} [script] of its package.json that tries it; default: test
 * @property {string} [server] program of the example that provides the server of this trial
 */

const AS_IT_IS = (/** @type {Manifest} */ manifest) => manifest;

/** An application as it may have been for years. @param {Manifest} manifest */
const onNest11 = ({ dependencies, ...manifest }) => ({
  ...manifest,
  dependencies: Object.fromEntries(
    Object.entries(dependencies).map(([name, version]) => [
      name,
      name.startsWith('@nestjs/') ? '11' : name === 'typeorm' ? '0.3' : version,
    ]),
  ),
});

const MODULES = /** @type {const} */ (['commonjs', 'module']);

/** @type {Record<string, (example: string) => Trial[]>} */
const OTHERS = {
  '01': (example) => [
    ...MODULES.map((type) => ({
      ...{ example, name: example, adapt: AS_IT_IS, type },
      label: `${example}, Nest 12, TypeORM 1, ${type}`,
    })),
    ...MODULES.map((type) => ({
      ...{ example, name: `${example}-nest-11`, adapt: onNest11, type },
      label: `${example}, Nest 11, TypeORM 0.3, ${type}`,
    })),
  ],
  '04': (example) => [
    { example, name: example, label: `${example}, its own specs`, adapt: AS_IT_IS },
    {
      ...{ example, name: example, adapt: AS_IT_IS },
      label: `${example}, the fast promises of commands and events`,
      ...{ script: 'conformance', server: 'test/install-server.mjs' },
    },
  ],
};

/**
 * @param {string} example
 * @returns {Trial[]}
 */
export const trialsOf = (example) =>
  OTHERS[example.slice(0, 2)]?.(example) ?? [
    { example, name: example, label: example, adapt: AS_IT_IS },
  ];
