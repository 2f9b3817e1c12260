// The programs of the brokers, from the archives this machine is set up for: Debian packages, Maven
// artifacts, npm packages.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

const NO_AUTOSTART = '/usr/sbin/policy-rc.d';
/** @param {string} name */
const installed = (name) =>
  fs.existsSync(`/var/lib/dpkg/info/${name}.list`) ||
  fs.existsSync(`/var/lib/dpkg/info/${name}:amd64.list`);

/**
 * @param {string} file
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
export async function run(file, args, options = {}) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => (output = (output + chunk).slice(-4_000)));
  const [code] = await Promise.race([
    once(child, 'close'),
    once(child, 'error').then(([error]) => Promise.reject(error)),
  ]);
  if (code !== 0)
    throw new Error(`${file} ${args.slice(0, 3).join(' ')} … failed:\n${output.trimEnd()}`);
  return output;
}

/**
 * Debian packages, without starting the services they bring.
 * @param {...string} names
 */
export async function packages(...names) {
  const missing = names.filter((name) => !installed(name));
  if (missing.length === 0) return;
  const ours = !fs.existsSync(NO_AUTOSTART);
  if (ours) fs.writeFileSync(NO_AUTOSTART, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['-qq', 'update'], { env });
    await run(
      'apt-get',
      [
        '-qq',
        '-o',
        'DPkg::Lock::Timeout=300',
        'install',
        '-y',
        '--no-install-recommends',
        ...missing,
      ],
      { env },
    );
  } finally {
    if (ours) fs.rmSync(NO_AUTOSTART);
  }
}

/**
 * Maven artifacts with all they need, `group:artifact:version`, into one folder of jars.
 * @param {string} folder
 * @param {...string} artifacts
 */
export async function jars(folder, ...artifacts) {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;
  });
  const pom = path.join(folder, 'pom.xml');
  const head =
    '<modelVersion>4.0.0</modelVersion><groupId>parley</groupId><artifactId>broker</artifactId><version>1</version>';
  fs.writeFileSync(
    pom,
    `<project>${head}<dependencies>${dependencies.join('')}</dependencies></project>`,
  );
  await run('mvn', [
    '-q',
    '-B',
    '-f',
    pom,
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${folder}`,
  ]);
}

/**
 * A distribution in a tar.gz, unpacked without its top folder.
 * @param {string} folder
 * @param {string} artifact
 */
export async function distribution(folder, artifact) {
  await run('mvn', [
    '-q',
    '-B',
    'dependency:copy',
    `-Dartifact=${artifact}`,
    `-DoutputDirectory=${folder}`,
  ]);
  const archive = fs.readdirSync(folder).find((name) => name.endsWith('.tar.gz'));
  if (!archive) throw new Error(`${artifact} is no tar.gz`);
  await run('tar', ['xzf', path.join(folder, archive), '-C', folder, '--strip-components=1']);
  fs.rmSync(path.join(folder, archive));
}

/**
 * @param {string} folder
 * @param {string} name
 */
export const npmPackage = (folder, name) =>
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', folder, name]);
