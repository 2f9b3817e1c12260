import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { packages } from './packages.mjs';
import PackageVersions from './version-actions.cjs';

/** @import { Package } from './packages.mjs' */
/** @typedef {ConstructorParameters<typeof PackageVersions>} Given */

/** The files of the repository, as `nx release` sees them; what is written stays here. */
class Files {
  /** @type {Map<string, string>} */
  written = new Map();

  /** @param {string} file */
  read(file) {
    return this.written.get(file) ?? fs.readFileSync(file, 'utf8');
  }

  /**
   * @param {string} file
   * @param {string} text
   */
  write(file, text) {
    this.written.set(file, text);
  }
}

const all = packages();
/** All packages have one version. */
const { version: current } = all[0]?.manifest ?? assert.fail('there are no packages');
const group = /** @type {Given[0]} */ ({ name: 'kit' });
const configuration = /** @type {Given[2]} */ ({});
/**
 * @param {Package} of
 * @returns {Given[1]}
 */
const nodeOf = ({ folder, manifest: { name } }) => ({ name, type: 'lib', data: { root: folder } });
const graph = { nodes: Object.fromEntries(all.map((of) => [of.manifest.name, nodeOf(of)])) };
/** @param {Package} of */
const actionsOf = (of) => new PackageVersions(group, nodeOf(of), configuration);

/** @param {string} version */
async function release(version) {
  const files = new Files();
  const versions = Object.fromEntries(all.map(({ manifest: { name } }) => [name, version]));
  for (const of of all) {
    await actionsOf(of).updateProjectVersion(files, version);
    await actionsOf(of).updateProjectDependencies(files, graph, versions);
  }
  return files.written;
}

describe('a release', () => {
  it('gives all packages its version, and each other', async () => {
    const written = await release('7.8.9');
    assert.equal(written.size, all.length);
    for (const [file, text] of written) {
      assert.equal(JSON.parse(text).version, '7.8.9', file);
      assert.ok(!text.includes(`"@parley/contract": "${current}"`), file);
    }
    const { dependencies, peerDependencies } = JSON.parse(
      written.get('libs/parley/service/package.json') ?? '',
    );
    assert.equal(dependencies['@parley/messaging'], '7.8.9');
    assert.equal(peerDependencies['@parley/kafka'], '7.8.9');
  });

  it('changes nothing else', async () => {
    for (const [file, text] of await release(current))
      assert.equal(text, fs.readFileSync(file, 'utf8'), file);
  });

  it('knows the version of a package, and the one that it needs of another', async () => {
    const found = all.find(({ manifest }) => manifest.name === '@parley/service');
    const service = actionsOf(found ?? assert.fail('there is no such package'));
    assert.deepEqual(await service.readCurrentVersionFromSourceManifest(new Files()), {
      currentVersion: current,
      manifestPath: 'libs/parley/service/package.json',
    });
    assert.deepEqual(
      await service.readCurrentVersionOfDependency(new Files(), graph, '@parley/kafka'),
      { currentVersion: current, dependencyCollection: 'peerDependencies' },
    );
  });
});
