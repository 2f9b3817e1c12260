// The certificates of `npm start -- --tls`, below .data/tls: a CA of this machine, which is kept,
// and one for each service, made anew at each start. Only their user can read them.
import { X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { generate } from 'selfsigned';
import { TLS_FOLDER, tlsFiles } from '../topology/environment.mjs';

const DAY_MS = 24 * 3_600_000;
const CA_DAYS = 365;
const SERVICE_DAYS = 90;

const IN_EC = /** @type {const} */ ({ keyType: 'ec', curve: 'P-256', algorithm: 'sha256' });

/** @param {number} days */
const after = (days) => {
  const timeOfDay = Date.now();
  return new Date(timeOfDay + days * DAY_MS);
};

/**
 * Also where a file of an earlier start is open to others.
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, text, { mode: 0o600 });
}

/** @param {string} folder */
function readCa(folder) {
  try {
    const [cert = '', key = ''] = ['ca.crt', 'ca.key'].map((name) =>
      fs.readFileSync(path.join(folder, name), 'utf8'),
    );
    return new Date(new X509Certificate(cert).validTo) > after(SERVICE_DAYS)
      ? { cert, key }
      : undefined;
  } catch {
    return undefined; // there is none yet
  }
}

/** @param {string} folder */
async function makeCa(folder) {
  const made = await generate([{ name: 'commonName', value: 'Parley, this machine only' }], {
    ...IN_EC,
    notAfterDate: after(CA_DAYS),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  write(path.join(folder, 'ca.crt'), made.cert);
  write(path.join(folder, 'ca.key'), made.private);
  return { cert: made.cert, key: made.private };
}

/**
 * Makes the files that `tlsFiles` names for each service.
 * @param {readonly string[]} services
 * @param {string} [folder]
 */
export async function makeCertificates(services, folder = TLS_FOLDER) {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  fs.chmodSync(folder, 0o700);
  const ca = readCa(folder) ?? (await makeCa(folder));
  for (const service of services) {
    const { cert, key } = tlsFiles(service, folder);
    fs.mkdirSync(path.dirname(cert), { recursive: true, mode: 0o700 });
    const made = await generate([{ name: 'commonName', value: service }], {
      ...IN_EC,
      ca,
      notAfterDate: after(SERVICE_DAYS),
      extensions: [
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: service }] },
      ],
    });
    write(cert, made.cert);
    write(key, made.private);
  }
}
