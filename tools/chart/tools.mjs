// Tools that check a chart: helm, kubeconform and kube-score, found on the path or in .data/kubernetes,
// where `npm run chart -- --tools` puts them, by Go.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const FOLDER = path.resolve('.data/kubernetes');
const SCHEMAS = path.join(FOLDER, 'schemas');

/** Beside each, about how long its first installation takes on two cores. */
const TOOLS = {
  helm: { module: 'helm.sh/helm/v3/cmd/helm@v3.22.0', minutes: 8 },
  kubeconform: { module: 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0', minutes: 2 },
  'kube-score': { module: 'github.com/zegl/kube-score/cmd/kube-score@v1.20.0', minutes: 8 },
};

/** @typedef {keyof typeof TOOLS} Tool */
export const TOOL_NAMES = /** @type {Tool[]} */ (Object.keys(TOOLS));

/**
 * @param {Tool} tool
 * @returns {string | undefined}
 */
export function toolPath(tool) {
  const own = path.join(FOLDER, 'bin', tool);
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return [own, ...folders.map((folder) => path.join(folder, tool))].find((file) =>
    fs.existsSync(file),
  );
}

/** The folder of the schemas of Kubernetes' kinds, if they were made. */
export const schemasFolder = () => (fs.existsSync(SCHEMAS) ? SCHEMAS : undefined);

/**
 * A module of Go, from its proxy, as it was published.
 * @param {string} module
 * @returns {string} its folder
 */
function moduleFolder(module) {
  const answer = execFileSync('go', ['mod', 'download', '-modcacherw', '-json', module], {
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  });
  return JSON.parse(answer).Dir;
}

/** Installs what is missing. Needs Go. */
export async function installTools() {
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) {
    console.error(
      'helm, kubeconform and kube-score are installed by Go, which is not here: https://go.dev/dl',
    );
    process.exit(1);
  }
  for (const tool of TOOL_NAMES) {
    if (toolPath(tool)) continue;
    const { module, minutes } = TOOLS[tool];
    console.log(`${module}: building it, about ${minutes} minutes the first time …`);
    // Go makes its cache read-only, unless told otherwise.
    execFileSync('go', ['install', '-modcacherw', '-trimpath', '-ldflags', '-s -w', module], {
      env: {
        ...process.env,
        GOBIN: path.join(FOLDER, 'bin'),
        GOFLAGS: '-mod=mod',
        CGO_ENABLED: '0',
      },
      stdio: 'inherit',
    });
  }
  const { writeSchemas } = await import('./schemas.mjs');
  if (!schemasFolder()) console.log(`${writeSchemas(SCHEMAS, moduleFolder)} schemas are written`);
}
