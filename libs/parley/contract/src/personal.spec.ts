import { z } from 'zod';
import { command, event, broadcast } from './contract';
import { ContractError } from './contract-error';

const Address = z.object({ line1: z.string().min(1), country: z.string().length(2) });
const Placed = z.object({
  orderId: z.string(),
  customerId: z.string(),
  customer: z.object({ name: z.string(), email: z.email(), address: Address.optional() }),
  notes: z.array(z.string()),
});

let contracts = 0;
const fresh = () => `personal.thing-${++contracts}`;
/** A declaration that the compiler would refuse, as plain JavaScript may contain it. */
const declared = (subject: string, fields: Record<string, unknown>) => () =>
  event(fresh(), Placed, { key: 'orderId', personal: { subject, fields } as never });

describe('a contract with personal fields', () => {
  it('says which, whose, and what is shown once they are erased', () => {
    const personal = {
      subject: 'customerId' as const,
      fields: { 'customer.name': 'erased', notes: [] },
    };
    expect(event(fresh(), Placed, { key: 'orderId', personal }).personal).toEqual(personal);
    expect(command(fresh(), Placed, { personal }).personal).toEqual(personal);
    expect(broadcast(fresh(), Placed, { personal }).personal).toEqual(personal);
  });

  it('may name whole objects, and what lies in optional ones', () => {
    expect(
      declared('orderId', { 'customer.address': { line1: 'erased', country: 'XX' } }),
    ).not.toThrow();
    expect(declared('orderId', { 'customer.address.line1': 'erased' })).not.toThrow();
    expect(declared('orderId', { 'customer.address': undefined })).not.toThrow();
  });

  it('says nothing of it when it has none', () => {
    expect(event(fresh(), Placed, { key: 'orderId' })).not.toHaveProperty('personal');
  });

  it.each([
    [
      'a path that leads nowhere',
      'orderId',
      { 'customer.phone': 'erased' },
      /"customer.phone" is no field/,
    ],
    ['a path into a list', 'orderId', { 'notes.0': 'erased' }, /"notes.0" is no field/],
    [
      'a subject that is no field',
      'personId',
      { 'customer.name': 'erased' },
      /"personId" is no field/,
    ],
    [
      'a value that the schema refuses',
      'orderId',
      { 'customer.email': 'erased' },
      /customer.email once erased is not what its schema takes/,
    ],
    ['the subject itself', 'customerId', { customerId: 'erased' }, /names the subject or the lane/],
    ['the key', 'customerId', { orderId: 'erased' }, /names the subject or the lane/],
    [
      'a field within another one',
      'orderId',
      { customer: { name: 'x', email: 'x@y.zz' }, 'customer.name': 'erased' },
      /lies within customer/,
    ],
    ['no fields', 'orderId', {}, /names no fields/],
  ])('refuses %s', (_, subject, fields, message) => {
    expect(declared(subject, fields)).toThrow(ContractError);
    expect(declared(subject, fields)).toThrow(message);
  });
});
