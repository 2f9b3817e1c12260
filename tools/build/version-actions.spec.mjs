import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { packages } from './packages.mjs';
import PackageVersions from './version-actions.cjs';

/** The files of the repository, as `nx release` sees them; what is written stays here. */
class Files {
  written = new Map();

  read(file) {
    return this.written.get(file) ?? fs.readFileSync(file, 'utf8');
  }

  write(file, text) {
    this.written.set(file, text);
  }
}

const all = packages();
const nodeOf = ({ folder, manifest: { name } }) => ({ name, type: 'lib', data: { root: folder } });
const graph = { nodes: Object.fromEntries(all.map((of) => [of.manifest.name, nodeOf(of)])) };
const actionsOf = (of) => new PackageVersions({ name: 'kit' }, nodeOf(of), {});

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
    const { version: before } = all[0].manifest;
    const written = await release('7.8.9');
    assert.equal(written.size, all.length);
    for (const [file, text] of written) {
      assert.equal(JSON.parse(text).version, '7.8.9', file);
      assert.ok(!text.includes(`"@parley/contract": "${before}"`), file);
    }
    const { dependencies, peerDependencies } = JSON.parse(
      written.get('libs/parley/service/package.json'),
    );
    assert.equal(dependencies['@parley/messaging'], '7.8.9');
    assert.equal(peerDependencies['@parley/kafka'], '7.8.9');
  });

  it('changes nothing else', async () => {
    const { version } = all[0].manifest;
    for (const [file, text] of await release(version))
      assert.equal(text, fs.readFileSync(file, 'utf8'), file);
  });

  it('knows the version of a package, and the one that it needs of another', async () => {
    const service = actionsOf(all.find(({ manifest }) => manifest.name === '@parley/service'));
    const { version } = all[0].manifest;
    assert.deepEqual(await service.readCurrentVersionFromSourceManifest(new Files()), {
      currentVersion: version,
      manifestPath: 'libs/parley/service/package.json',
    });
    assert.deepEqual(
      await service.readCurrentVersionOfDependency(new Files(), graph, '@parley/kafka'),
      { currentVersion: version, dependencyCollection: 'peerDependencies' },
    );
  });
});
