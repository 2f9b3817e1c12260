// Schemas of Kubernetes' kinds for kubeconform, in which an unknown field is a fault: from the
// OpenAPI document in the Go module of Kubernetes, and from the definitions of further kinds in the
// modules of their owners.
import fs from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';

const KUBERNETES = 'k8s.io/kubernetes@v1.34.4';
/** Modules with definitions of kinds, and the files in them. */
const FURTHER = [
  {
    module: 'sigs.k8s.io/gateway-api@v1.4.0',
    files: ['config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
  },
  {
    module: 'github.com/kedacore/keda/v2@v2.18.0',
    files: [
      'config/crd/bases/keda.sh_scaledobjects.yaml',
      'config/crd/bases/keda.sh_triggerauthentications.yaml',
    ],
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    files: [
      'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
      'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
    ],
  },
];

/** @typedef {Record<string, any>} Schema */

const EITHER = { oneOf: [{ type: 'string' }, { type: 'integer' }] };
const QUANTITY = { oneOf: [{ type: 'string' }, { type: 'number' }] };

/**
 * An object of known fields refuses others, at every depth.
 * @param {any} schema
 * @returns {any}
 */
function strict(schema) {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  if (schema['x-kubernetes-int-or-string'] === true || schema.format === 'int-or-string')
    return EITHER;
  const kept = Object.entries(schema)
    .filter(([name]) => !name.startsWith('x-kubernetes-'))
    .map(([name, value]) => [name, name === 'description' ? value : strict(value)]);
  /** @type {Schema} */
  const made = Object.fromEntries(kept);
  if (typeof made.$ref === 'string')
    return { $ref: made.$ref.replace('#/definitions/', '_definitions.json#/definitions/') };
  const hasFields = made.type === 'object' && typeof made.properties === 'object';
  const isOpen =
    'additionalProperties' in made || schema['x-kubernetes-preserve-unknown-fields'] === true;
  return hasFields && !isOpen ? { ...made, additionalProperties: false } : made;
}

/**
 * The file name that kubeconform asks for: deployment-apps-v1.json.
 * @param {string} kind
 * @param {string} group
 * @param {string} version
 */
const fileOf = (kind, group, version) =>
  `${[kind, group.split('.')[0], version].filter(Boolean).join('-').toLowerCase()}.json`;

/**
 * @param {Schema} schema
 * @param {string} kind
 * @param {string} group
 * @param {string} version
 */
const ofKind = (schema, kind, group, version) => ({
  ...schema,
  properties: {
    ...schema.properties,
    apiVersion: { enum: [[group, version].filter(Boolean).join('/')] },
    kind: { enum: [kind] },
    metadata: schema.properties.metadata ?? { type: 'object' },
  },
  required: [...new Set([...(schema.required ?? []), 'apiVersion', 'kind'])],
});

/**
 * @param {string} folder
 * @param {(module: string) => string} moduleFolder
 */
function kubernetes(folder, moduleFolder) {
  const document = path.join(moduleFolder(KUBERNETES), 'api/openapi-spec/swagger.json');
  /** @type {Record<string, Schema>} */
  const definitions = JSON.parse(fs.readFileSync(document, 'utf8')).definitions;
  /** @param {string} name */
  const made = (name) => {
    if (name.endsWith('.Quantity')) return QUANTITY;
    return name.endsWith('.IntOrString') ? EITHER : strict(definitions[name]);
  };
  const all = Object.fromEntries(Object.keys(definitions).map((name) => [name, made(name)]));
  write(folder, '_definitions.json', { definitions: all });
  const kinds = Object.entries(definitions).flatMap(([name, schema]) =>
    (schema['x-kubernetes-group-version-kind'] ?? []).map((/** @type {Schema} */ one) => ({
      name,
      ...one,
    })),
  );
  const written = kinds.filter(({ name }) => all[name]?.properties?.apiVersion);
  for (const { name, group, version, kind } of written)
    write(folder, fileOf(kind, group, version), ofKind(all[name] ?? {}, kind, group, version));
  return written.length;
}

/**
 * @param {string} folder
 * @param {string} file
 */
function further(folder, file) {
  const definitions = parseAllDocuments(fs.readFileSync(file, 'utf8'))
    .map((document) => document.toJS())
    .filter((one) => one?.kind === 'CustomResourceDefinition');
  const versions = definitions.flatMap(({ spec }) =>
    spec.versions.map((/** @type {Schema} */ version) => ({ spec, version })),
  );
  for (const { spec, version } of versions) {
    const { kind } = spec.names;
    const schema = strict(version.schema.openAPIV3Schema);
    write(
      folder,
      fileOf(kind, spec.group, version.name),
      ofKind(schema, kind, spec.group, version.name),
    );
  }
  return versions.length;
}

/**
 * @param {string} folder
 * @param {string} file
 * @param {object} content
 */
function write(folder, file, content) {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, file), JSON.stringify(content));
}

/**
 * @param {string} folder
 * @param {(module: string) => string} moduleFolder
 * @returns the number of kinds
 */
export function writeSchemas(folder, moduleFolder) {
  const aside = `${folder}.${process.pid}`;
  const count = [
    kubernetes(aside, moduleFolder),
    ...FURTHER.flatMap(({ module, files }) => {
      const from = moduleFolder(module);
      return files.map((file) => further(aside, path.join(from, file)));
    }),
  ].reduce((sum, kinds) => sum + kinds, 0);
  fs.renameSync(aside, folder);
  return count;
}
