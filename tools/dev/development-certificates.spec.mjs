import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { tlsFiles } from '../topology/environment.mjs';
import { makeCertificates } from './development-certificates.mjs';

/** @type {string} */
let folder;
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-tls-'));
});
after(() => fs.rmSync(folder, { recursive: true }));

/** @param {string} file */
const certificateIn = (file) => new X509Certificate(fs.readFileSync(file));

test('each service has a certificate of its name, signed by the CA of this machine', async () => {
  await makeCertificates(['orders', 'catalog'], folder);
  const { ca, cert, key } = tlsFiles('orders', folder);
  const own = certificateIn(cert);
  assert.equal(own.subjectAltName, 'DNS:orders');
  assert.ok(own.verify(certificateIn(ca).publicKey));
  assert.ok(own.checkPrivateKey(createPrivateKey(fs.readFileSync(key))));
  assert.ok(fs.existsSync(tlsFiles('catalog', folder).cert));
});

test('only its user can read them', () => {
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => fs.statSync(path.join(folder, name)))
    .map(
      (stats) => `${stats.isDirectory() ? 'folder' : 'file'} ${(stats.mode & 0o777).toString(8)}`,
    );
  assert.deepEqual([...new Set(files)].sort(), ['file 600', 'folder 700']);
  assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
});

test('the CA is kept, certificates are made anew', async () => {
  const { ca, cert } = tlsFiles('orders', folder);
  const [caBefore, before] = [certificateIn(ca), certificateIn(cert)].map(
    (one) => one.serialNumber,
  );
  await makeCertificates(['orders'], folder);
  assert.equal(certificateIn(ca).serialNumber, caBefore);
  assert.notEqual(certificateIn(cert).serialNumber, before);
});
