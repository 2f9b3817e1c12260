import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Contract } from '@parley/contract';
import { InvalidMessageError } from '../message/codec';
import type { Envelope } from '../message/message';
import { SecretExpiredError, type SubjectKey } from '../ports/subject-keys';

/*
 * A personal or secret field on the wire is a text in the place of its value:
 *
 *     sealed:v1:<path>:<base64url of key id (16 bytes) | nonce (12) | tag (16) | AES-256-GCM of its JSON>
 *
 * It is bound to its message and its place: copied elsewhere, it cannot be read.
 */
const SEALED = /^sealed:v1:(.+):([\w-]+)$/s;
const [ID, NONCE, TAG] = [16, 12, 16];

/** The contract and the message that a field belongs to. */
type Owner = Pick<Envelope, 'type' | 'id'>;

/**
 * By path: the value that replaces a field for readers without the right or the key to decrypt it.
 */
type Fields = Readonly<Record<string, unknown>>;

/** True when some of its fields are encrypted on their way: personal ones, or secrets. */
export const isEncrypted = ({ personal, secret }: Pick<Contract, 'personal' | 'secret'>): boolean =>
  personal !== undefined || secret !== undefined;

const fieldsIn = ({ personal, secret }: Pick<Contract, 'personal' | 'secret'>): Fields => ({
  ...personal?.fields,
  ...secret?.fields,
});

/** A field in a payload. */
interface Field {
  readonly path: string;
  readonly value: unknown;
  set(value: unknown): void;
}

/**
 * Encrypts fields of a payload, which is changed. Fields of an erased subject get their replacement
 * values.
 */
export function encryptFields(
  payload: unknown,
  fields: Fields,
  owner: Owner,
  key: SubjectKey,
): void {
  for (const field of fieldsOf(payload, fields))
    field.set(
      key.secret ? sealed(field, owner, key.id, key.secret) : structuredClone(fields[field.path]),
    );
}

/**
 * For people: replaces personal and secret fields, encrypted or not, by their declared values. The
 * payload is changed.
 */
export function masked<T>(payload: T, contract: Pick<Contract, 'personal' | 'secret'>): T {
  const fields = fieldsIn(contract);
  for (const field of fieldsOf(payload, fields)) field.set(structuredClone(fields[field.path]));
  return payload;
}

/**
 * Gives the masked fields of an edited payload their values of the original. The payload is
 * changed.
 */
export function unmasked<T>(
  payload: T,
  original: unknown,
  contract: Pick<Contract, 'personal' | 'secret'>,
): T {
  const fields = fieldsIn(contract);
  const before = new Map(fieldsOf(original, fields).map(({ path, value }) => [path, value]));
  for (const field of fieldsOf(payload, fields)) {
    if (before.has(field.path) && isDeepStrictEqual(field.value, fields[field.path]))
      field.set(structuredClone(before.get(field.path)));
  }
  return payload;
}

/**
 * The ids of the keys that a payload needs, wherever its encrypted fields are: one, unless the
 * payload was composed manually.
 */
export const keyIdsOf = (payload: unknown): readonly string[] => [
  ...new Set(textsIn(payload).flatMap((text) => read(text)?.keyId ?? [])),
];

/**
 * Decrypts the personal and secret fields of a payload, which is changed. A field that is not
 * encrypted stays as it is: another program may have written it, or a version of the contract in
 * which the field was neither personal nor secret.
 * @throws InvalidMessageError when a field was tampered with; SecretExpiredError when a command
 * cannot be handled without it
 */
export function decryptFields<T>(
  payload: T,
  contract: Sealable,
  owner: Owner & Pick<Envelope, 'contractversion'>,
  keyOf: (id: string) => SubjectKey,
): T {
  const { name, version } = contract;
  const fields = fieldsIn(contract);
  // upcasting moved it: it is bound to its former place
  const moved = owner.contractversion !== String(version);
  for (const field of fieldsOf(payload, fields)) {
    const found = read(field.value);
    if (!found) continue;
    if (!moved && found.path !== field.path)
      throw new InvalidMessageError(name, [
        { path: field.path, message: `holds what was encrypted as ${found.path}` },
      ]);
    const { secret } = keyOf(found.keyId);
    if (!secret && isNeeded(contract, field.path)) throw new SecretExpiredError(name, field.path);
    field.set(
      secret ? opened(found, owner, secret, field.path) : structuredClone(fields[field.path]),
    );
  }
  return payload;
}

type Sealable = Pick<Contract, 'kind' | 'name' | 'version' | 'personal' | 'secret'>;

/**
 * True when the secret is required: a command cannot be handled without it; an event may be read
 * again for its other fields.
 */
const isNeeded = ({ kind, secret }: Sealable, path: string): boolean =>
  kind === 'command' && secret !== undefined && Object.hasOwn(secret.fields, path);

/** Every text within the payload's personal and secret fields: texts that errors must not show. */
export function sealedTexts(
  payload: unknown,
  contract: Pick<Contract, 'personal' | 'secret'>,
): readonly string[] {
  return fieldsOf(payload, fieldsIn(contract)).flatMap(({ value }) => textsIn(value));
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

interface Sealed {
  readonly path: string;
  readonly keyId: string;
  readonly nonce: Buffer;
  readonly tag: Buffer;
  readonly text: Buffer;
}

function sealed({ path, value }: Field, owner: Owner, keyId: string, secret: Buffer): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(boundTo(owner, path));
  const text = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  const bytes = Buffer.concat([
    Buffer.from(keyId.replaceAll('-', ''), 'hex'),
    nonce,
    cipher.getAuthTag(),
    text,
  ]);
  return `sealed:v1:${path}:${bytes.toString('base64url')}`;
}

function read(value: unknown): Sealed | undefined {
  const [, path, encoded] = (typeof value === 'string' && SEALED.exec(value)) || [];
  if (path === undefined || encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64url');
  if (bytes.length < ID + NONCE + TAG) return undefined;
  const [nonce, tag] = [
    bytes.subarray(ID, ID + NONCE),
    bytes.subarray(ID + NONCE, ID + NONCE + TAG),
  ];
  return {
    path,
    keyId: uuid(bytes.toString('hex', 0, ID)),
    nonce,
    tag,
    text: bytes.subarray(ID + NONCE + TAG),
  };
}

function opened(
  { path, nonce, tag, text }: Sealed,
  owner: Owner,
  secret: Buffer,
  at: string,
): unknown {
  try {
    const decipher = createDecipheriv('aes-256-gcm', secret, nonce)
      .setAAD(boundTo(owner, path))
      .setAuthTag(tag);
    return JSON.parse(Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8'));
  } catch {
    throw new InvalidMessageError(owner.type, [
      { path: at, message: 'is not what was encrypted for this message' },
    ]);
  }
}

const boundTo = ({ type, id }: Owner, path: string): Buffer =>
  Buffer.from(JSON.stringify([type, id, path]));

const uuid = (hex: string): string =>
  [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    '-',
  );

/** The declared fields that the payload has. */
const fieldsOf = (payload: unknown, fields: Fields): readonly Field[] =>
  Object.keys(fields).flatMap((path) => fieldAt(payload, path) ?? []);

function fieldAt(payload: unknown, path: string): Field | undefined {
  const names = path.split('.');
  const last = names.pop()!;
  const place = names.reduce(inner, payload);
  const value = inner(place, last);
  if (value === undefined) return undefined;
  const set = (to: unknown) =>
    void (to === undefined
      ? delete (place as Record<string, unknown>)[last]
      : ((place as Record<string, unknown>)[last] = to));
  return { path, value, set };
}

const inner = (place: unknown, name: string): unknown =>
  typeof place === 'object' && place !== null && Object.hasOwn(place, name)
    ? (place as Record<string, unknown>)[name]
    : undefined;
