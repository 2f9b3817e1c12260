import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Contract, Personal } from '@parley/contract';
import { InvalidMessage } from './codec';
import type { Envelope } from './message';
import type { SubjectKey } from './subject-keys';

/*
 * A personal field on the wire is a text in the place of its value:
 *
 *     sealed:v1:<path>:<base64url of key id (16 bytes) | nonce (12) | tag (16) | AES-256-GCM of its JSON>
 *
 * It is bound to its message and its place: copied elsewhere, it cannot be read.
 */
const SEALED = /^sealed:v1:(.+):([\w-]+)$/s;
const [ID, NONCE, TAG] = [16, 12, 16];

/** The contract and message a field belongs to. */
type Owner = Pick<Envelope, 'type' | 'id'>;

export type PersonalContract = Contract & { readonly personal: Personal };

export const isPersonal = (contract: Contract): contract is PersonalContract => contract.personal !== undefined;

/** A field as it stands in a payload. */
interface Field {
  readonly path: string;
  readonly value: unknown;
  set(value: unknown): void;
}

/** Encrypts what is personal in a payload, which is changed. Of an erased subject nothing is told any more. */
export function seal(payload: unknown, personal: Personal, owner: Owner, key: SubjectKey): void {
  for (const field of fieldsOf(payload, personal)) field.set(key.secret ? sealed(field, owner, key.id, key.secret) : structuredClone(personal.fields[field.path]));
}

/** The ids of the keys that a payload needs, wherever its encrypted fields are: one, unless somebody put it together by hand. */
export const keyIdsOf = (payload: unknown): readonly string[] => [...new Set(textsIn(payload).flatMap((text) => read(text)?.keyId ?? []))];

/**
 * Decrypts what is personal in a payload, which is changed. A field that is not encrypted stays as it is: another program, or a
 * version of the contract that was not yet aware of it, may have written it.
 * @throws InvalidMessage when a field was tampered with
 */
export function unsealed<T>(payload: T, { personal, name, version }: PersonalContract, owner: Owner & Pick<Envelope, 'contractversion'>, keyOf: (id: string) => SubjectKey): T {
  const moved = owner.contractversion !== String(version); // upcasting moved it: it is what it was at its former place
  for (const field of fieldsOf(payload, personal)) {
    const found = read(field.value);
    if (!found) continue;
    if (!moved && found.path !== field.path) throw new InvalidMessage(name, [{ path: field.path, message: `holds what was encrypted as ${found.path}` }]);
    const { secret } = keyOf(found.keyId);
    field.set(secret ? opened(found, owner, secret, field.path) : structuredClone(personal.fields[field.path]));
  }
  return payload;
}

/** Every text within the payload's personal fields: what must not show up in errors. */
export function personalTexts(payload: unknown, personal: Personal): readonly string[] {
  return fieldsOf(payload, personal).flatMap(({ value }) => textsIn(value));
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
  const bytes = Buffer.concat([Buffer.from(keyId.replaceAll('-', ''), 'hex'), nonce, cipher.getAuthTag(), text]);
  return `sealed:v1:${path}:${bytes.toString('base64url')}`;
}

function read(value: unknown): Sealed | undefined {
  const [, path, encoded] = (typeof value === 'string' && SEALED.exec(value)) || [];
  if (path === undefined || encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64url');
  if (bytes.length < ID + NONCE + TAG) return undefined;
  const [nonce, tag] = [bytes.subarray(ID, ID + NONCE), bytes.subarray(ID + NONCE, ID + NONCE + TAG)];
  return { path, keyId: uuid(bytes.toString('hex', 0, ID)), nonce, tag, text: bytes.subarray(ID + NONCE + TAG) };
}

function opened({ path, nonce, tag, text }: Sealed, owner: Owner, secret: Buffer, at: string): unknown {
  try {
    const decipher = createDecipheriv('aes-256-gcm', secret, nonce).setAAD(boundTo(owner, path)).setAuthTag(tag);
    return JSON.parse(Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8'));
  } catch {
    throw new InvalidMessage(owner.type, [{ path: at, message: 'is not what was encrypted for this message' }]);
  }
}

const boundTo = ({ type, id }: Owner, path: string): Buffer => Buffer.from(JSON.stringify([type, id, path]));

const uuid = (hex: string): string => [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');

/** The declared fields that the payload has. */
const fieldsOf = (payload: unknown, { fields }: Personal): readonly Field[] => Object.keys(fields).flatMap((path) => fieldAt(payload, path) ?? []);

function fieldAt(payload: unknown, path: string): Field | undefined {
  const names = path.split('.');
  const last = names.pop()!;
  const place = names.reduce(inner, payload);
  const value = inner(place, last);
  if (value === undefined) return undefined;
  const set = (to: unknown) => void (to === undefined ? delete (place as Record<string, unknown>)[last] : ((place as Record<string, unknown>)[last] = to));
  return { path, value, set };
}

const inner = (place: unknown, name: string): unknown =>
  typeof place === 'object' && place !== null && Object.hasOwn(place, name) ? (place as Record<string, unknown>)[name] : undefined;
