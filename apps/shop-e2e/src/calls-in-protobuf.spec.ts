import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import '@contracts/catalog';
import '@contracts/insights';
import '@contracts/inventory';
import '@contracts/orders';
import '@contracts/shipping';
import {
  type Call,
  contractsLoaded,
  numberedCallOf,
  type ProtoField,
  type ProtoMessage,
  type ProtoType,
} from '@parley/contract';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { methodOf } from '../../../libs/parley/transports/grpc/src/codec';

const calls = contractsLoaded().filter((one): one is Call => one.kind === 'call');

const SCALARS: Readonly<Record<Extract<ProtoType, string>, fc.Arbitrary<unknown>>> = {
  string: fc.string({ unit: 'binary' }),
  bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }),
  bool: fc.boolean(),
  value: fc.jsonValue({ maxDepth: 3 }),
};

const ofType = (type: ProtoType): fc.Arbitrary<unknown> =>
  typeof type === 'string' ? SCALARS[type] : ofMessage(type);

function ofField({ label, type, absent }: ProtoField): fc.Arbitrary<unknown> {
  if (label === 'repeated') return fc.array(ofType(type), { maxLength: 3 });
  if (label === 'map')
    return fc.dictionary(fc.string({ unit: 'binary' }), ofType(type), { maxKeys: 3 });
  if (absent === 'refused') return ofType(type);
  return fc.option(ofType(type), { nil: absent === 'null' ? null : undefined });
}

/** JSON of the shape that a message has; the shop's messages hold objects and lists of them. */
function ofMessage({ holds, fields }: ProtoMessage): fc.Arbitrary<unknown> {
  const [only] = fields;
  if (holds !== 'object' && holds !== 'union' && only) return ofField(only);
  return fc.record(Object.fromEntries(fields.map((field) => [field.json, ofField(field)])));
}

const encoded = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const parsed = (json: Buffer): unknown => JSON.parse(json.toString());

/** A message read and written again by a program that has the committed file only. */
function throughTheFile({ owner }: Call, path: string, message: Buffer): Buffer {
  const file = join(__dirname, `../../../libs/contracts/${owner}/${owner}.proto`);
  const { root, package: home } = protobuf.parse(readFileSync(file, 'utf8'), { keepCase: true });
  const type = root.lookupType(`${home}.${path}`);
  return Buffer.from(type.encode(type.decode(message)).finish());
}

describe('the calls of the shop', () => {
  it('all have a place in protobuf', () => {
    expect(calls.length).toBeGreaterThanOrEqual(9);
    expect(calls.filter((one) => !numberedCallOf(one))).toEqual([]);
  });

  it.each(calls.map((one) => [one.name, one] as const))(
    '%s is unchanged as protobuf, and by those who know the .proto file only',
    (_, contract) => {
      const { request, reply } = numberedCallOf(contract)!;
      const { form } = methodOf(contract);
      fc.assert(
        fc.property(ofMessage(request), ofMessage(reply), (asked, answered) => {
          const sent = form.encodeRequest(encoded(asked));
          const returned = form.encodeReply(encoded(answered));
          const [question, answer] = [parsed(encoded(asked)), parsed(encoded(answered))];
          expect(parsed(form.decodeRequest(sent))).toEqual(question);
          expect(parsed(form.decodeReply(returned))).toEqual(answer);
          const again = throughTheFile(contract, request.path, sent);
          expect(parsed(form.decodeRequest(again))).toEqual(question);
          const back = throughTheFile(contract, reply.path, returned);
          expect(parsed(form.decodeReply(back))).toEqual(answer);
        }),
        { numRuns: 50 },
      );
    },
  );
});
