// The mails on disk, as their readers see them: whom each is for, which order it names, and what it
// says.
import fs from 'node:fs';
import path from 'node:path';

/**
 * A mail as its reader sees it.
 * @typedef {object} Mail
 * @property {string} file
 * @property {string} [order] by the Message-ID
 * @property {string} [to] the address alone
 * @property {string} text the plain part, decoded
 */

/**
 * [{ file, order, to, text }]: `order` by the Message-ID, `to` the address alone, `text` the plain
 * part, decoded.
 * @param {string | undefined} folder
 * @returns {Mail[]}
 */
export function readMails(folder) {
  if (!folder || !fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  const files = fs.readdirSync(folder).filter((name) => name.endsWith('.eml'));
  return files.map((file) => ({
    file,
    ...parseMail(fs.readFileSync(path.join(folder, file), 'utf8')),
  }));
}

/**
 * @param {string} source
 * @returns {Omit<Mail, 'file'>}
 */
export function parseMail(source) {
  const [head, body] = cut(source);
  const boundary = /boundary="([^"]+)"/i.exec(head)?.[1];
  const parts = boundary === undefined ? [source] : body.split(`--${boundary}`).slice(1, -1);
  const plain = parts
    .map((part) => cut(part.replace(/^\r?\n/, '')))
    .find(([headers]) => /^content-type: text\/plain/im.test(headers));
  return {
    order: /^Message-ID: <([0-9a-f-]{36})@/im.exec(head)?.[1],
    to: /^To: .*?([^\s<>]+@[^\s<>]+)>?\s*$/im.exec(unfolded(head))?.[1],
    text: plain ? decoded(...plain) : '',
  };
}

/**
 * @param {string} text
 * @returns {[head: string, body: string]}
 */
function cut(text) {
  const at = /\r?\n\r?\n/.exec(text);
  return at ? [text.slice(0, at.index), text.slice(at.index + at[0].length)] : [text, ''];
}

/** @param {string} head */
const unfolded = (head) => head.replace(/\r?\n[ \t]+/g, ' ');

/**
 * @param {string} headers
 * @param {string} body
 */
function decoded(headers, body) {
  const encoding = /^content-transfer-encoding: (\S+)/im.exec(headers)?.[1]?.toLowerCase();
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (encoding !== 'quoted-printable') return body;
  const bytes = body
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
