import { randomBytes, randomUUID } from 'node:crypto';
import { command } from '@parley/contract';
import { z } from 'zod';
import { InvalidMessageError } from '../message/codec';
import { isEncrypted, keyIdsOf, encryptFields, decryptFields } from './field-encryption';

const contract = command(
  'clinic.admit-patient',
  z.object({
    id: z.string(),
    name: z.string(),
    mail: z.email().nullable(),
    kin: z.object({ name: z.string() }).optional(),
  }),
  {
    personal: { subject: 'id', fields: { name: 'erased', mail: null, 'kin.name': 'erased' } },
  },
);
const owner = { type: contract.name, id: randomUUID(), contractversion: '1' };
const key = { id: randomUUID(), secret: randomBytes(32) };
const patient = () => ({
  id: 'p-1',
  name: 'Ada "L" Łovelace\n',
  mail: 'ada@analytical.test',
  kin: { name: 'Anne' },
});

function sealedPatient(): ReturnType<typeof patient> {
  const payload = patient();
  encryptFields(payload, contract.personal!.fields, owner, key);
  return payload;
}
const opened = (payload: object, of = owner) => decryptFields(payload, contract, of, () => key);

describe('a sealed payload', () => {
  it('is opened to what it was', () => {
    expect(isEncrypted(contract)).toBe(true);
    expect(sealedPatient()).not.toMatchObject({ name: patient().name });
    expect(opened(sealedPatient())).toEqual(patient());
    expect(keyIdsOf(sealedPatient())).toEqual([key.id]);
  });

  it('has what is shown once erased when the key is gone', () => {
    expect(decryptFields(sealedPatient(), contract, owner, (id) => ({ id }))).toEqual({
      id: 'p-1',
      name: 'erased',
      mail: null,
      kin: { name: 'erased' },
    });
  });

  it.each<[string, (payload: ReturnType<typeof patient>) => void]>([
    ['moved to another field', (payload) => (payload.mail = payload.name)],
    [
      'changed by one letter',
      (payload) =>
        (payload.name = payload.name.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))),
    ],
    [
      'renamed to fit another field',
      (payload) => (payload.mail = payload.name.replace(':name:', ':mail:')),
    ],
  ])('is refused when a field was %s', (_, tamper) => {
    const payload = sealedPatient();
    tamper(payload);
    expect(() => opened(payload)).toThrow(InvalidMessageError);
  });

  it('belongs to its message and its contract', () => {
    expect(() => opened(sealedPatient(), { ...owner, id: randomUUID() })).toThrow(
      InvalidMessageError,
    );
    expect(() => opened(sealedPatient(), { ...owner, type: 'clinic.bill-patient' })).toThrow(
      InvalidMessageError,
    );
  });

  it('of a former version may have been moved by upcasting', () => {
    const { name, ...rest } = sealedPatient();
    const moved = { ...rest, name: 'public', kin: { name } };
    expect(opened(structuredClone(moved), { ...owner, contractversion: '0' })).toMatchObject({
      name: 'public',
      kin: { name: patient().name },
    });
    expect(() => opened(moved)).toThrow(InvalidMessageError);
  });

  it('keeps a text that only looks sealed', () => {
    const payload = { ...patient(), name: 'sealed:v1:name:abc' };
    expect(opened(payload)).toMatchObject({ name: 'sealed:v1:name:abc' });
  });
});
