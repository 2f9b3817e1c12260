// For nx release: reads and writes the versions of the kit's packages. They are one group: each
// names its siblings in its very own version.
const { VersionActions } = require('nx/src/command-line/release/version/version-actions.js');

const COLLECTIONS = /** @type {const} */ (['dependencies', 'peerDependencies']);

/**
 * @typedef {{ read(path: string, encoding: 'utf8'): string | null, write(path: string, text: string):
 * void }} Tree
 */
/** @typedef {{ nodes: Record<string, { data: { root: string } }> }} ProjectGraph */
/**
 * @typedef {{ name: string, version: string, dependencies?: Record<string, string>,
 * peerDependencies?: Record<string, string> }} Manifest
 */

/**
 * @param {Tree} tree
 * @param {string} folder
 * @returns {Manifest}
 */
const manifestIn = (tree, folder) => JSON.parse(tree.read(`${folder}/package.json`, 'utf8') ?? '');

module.exports = class PackageVersions extends VersionActions {
  validManifestFilenames = ['package.json'];

  get #folder() {
    return this.projectGraphNode.data.root;
  }

  /**
   * @param {Tree} tree
   * @param {Manifest} manifest
   */
  #write(tree, manifest) {
    tree.write(`${this.#folder}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  }

  /** @param {Tree} tree */
  async readCurrentVersionFromSourceManifest(tree) {
    const manifestPath = `${this.#folder}/package.json`;
    return { currentVersion: manifestIn(tree, this.#folder).version, manifestPath };
  }

  /** Nothing is published, so no registry knows a version. */
  async readCurrentVersionFromRegistry() {
    return null;
  }

  /**
   * @param {Tree} tree
   * @param {ProjectGraph} graph
   * @param {string} project
   */
  async readCurrentVersionOfDependency(tree, graph, project) {
    const { name } = manifestIn(tree, graph.nodes[project]?.data.root ?? '');
    const own = manifestIn(tree, this.#folder);
    const dependencyCollection = COLLECTIONS.find((one) => own[one]?.[name] !== undefined) ?? null;
    const currentVersion = (dependencyCollection && own[dependencyCollection]?.[name]) ?? null;
    return { currentVersion, dependencyCollection };
  }

  /**
   * @param {Tree} tree
   * @param {string} version
   */
  async updateProjectVersion(tree, version) {
    this.#write(tree, { ...manifestIn(tree, this.#folder), version });
    return [`${this.#folder}/package.json is version ${version}`];
  }

  /**
   * @param {Tree} tree
   * @param {ProjectGraph} graph
   * @param {Record<string, string>} versions by project
   */
  async updateProjectDependencies(tree, graph, versions) {
    const manifest = manifestIn(tree, this.#folder);
    for (const [project, version] of Object.entries(versions)) {
      const { name } = manifestIn(tree, graph.nodes[project]?.data.root ?? '');
      for (const collection of COLLECTIONS)
        if (manifest[collection]?.[name] !== undefined) manifest[collection][name] = version;
    }
    this.#write(tree, manifest);
    return [];
  }
};
