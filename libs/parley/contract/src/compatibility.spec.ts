import { z } from 'zod';
import { breaksOf, unreadOf } from './compatibility';
import { call, type CallErrors, command, event, stream } from './contract';
import { schemaOf } from './contract-schema';

let contracts = 0;
const fresh = () => `trial.contract-${++contracts}`;

const told = (before: object, after: object, kind: 'event' | 'command' = 'event') =>
  breaksOf({ ...output(before, kind), kind }, { ...output(after, kind), kind }).map(
    ({ field, breaks, what }) => `${breaks}: ${field} ${what}`,
  );
const output = (fields: object, kind: 'event' | 'command') =>
  schemaOf(
    kind === 'event'
      ? event(fresh(), shape(fields), { key: 'id' })
      : command(fresh(), shape(fields), { key: 'id' }),
  );
const shape = (fields: object) => z.object({ id: z.string(), ...(fields as { field: z.ZodType }) });
const changed = (before: z.ZodType, after: z.ZodType, kind?: 'command') =>
  told({ field: before }, { field: after }, kind);

describe('a contract may change without a new version', () => {
  it('when nothing changed', () => {
    expect(changed(z.string(), z.string())).toEqual([]);
  });

  it('by a new optional field', () => {
    expect(told({}, { field: z.string().optional() })).toEqual([]);
  });

  it('by a new field with a default', () => {
    expect(told({}, { field: z.string().default('none') })).toEqual([]);
  });

  it('by words for people', () => {
    expect(changed(z.string(), z.string().describe('a name'))).toEqual([]);
  });

  it('by the order of its fields and values', () => {
    expect(
      told({ a: z.string(), b: z.enum(['x', 'y']) }, { b: z.enum(['y', 'x']), a: z.string() }),
    ).toEqual([]);
  });

  it.each([
    ['a looser bound', z.int().max(5), z.int().max(6)],
    ['another value', z.enum(['a']), z.enum(['a', 'b'])],
    ['no pattern', z.string().regex(/a/), z.string()],
    ['null, too', z.string(), z.string().nullable()],
    ['an optional field', z.string(), z.string().optional()],
    ['any number', z.int().min(0).max(9), z.number().min(0).max(9)],
    [
      'more alternatives',
      z.union([z.string(), z.int()]),
      z.union([z.string(), z.int(), z.boolean()]),
    ],
  ])('when what its owner only reads has %s', (_, before, after) => {
    expect(changed(before, after, 'command')).toEqual([]);
  });
});

describe('a contract takes a new version', () => {
  it('to lose a field, required or not', () => {
    const breaks = [
      'old messages: payload.field was removed',
      'old readers: payload.field was removed',
    ];
    expect(told({ field: z.string() }, {})).toEqual(breaks);
    expect(told({ field: z.string().optional() }, {})).toEqual(breaks);
    expect(told({ field: z.string() }, {}, 'command')).toEqual(breaks);
  });

  it('to call a field by another name', () => {
    expect(told({ field: z.string() }, { renamed: z.string() })).toEqual([
      'old messages: payload.field was removed',
      'old readers: payload.field was removed',
      'old messages: payload.renamed was added and is required',
    ]);
  });

  it('for a new required field', () => {
    expect(told({}, { field: z.string() })).toEqual([
      'old messages: payload.field was added and is required',
    ]);
  });

  it('to require what was optional', () => {
    expect(changed(z.string().optional(), z.string(), 'command')).toEqual([
      'old messages: payload.field is required now',
    ]);
  });

  it('to leave out what readers of an event were promised', () => {
    expect(changed(z.string(), z.string().optional())).toEqual([
      'old readers: payload.field is optional now',
    ]);
  });

  it('for another type', () => {
    expect(changed(z.string(), z.int())).toEqual([
      'old messages: payload.field was string, is integer',
      'old readers: payload.field was string, is integer',
    ]);
  });

  it('for whole numbers only', () => {
    expect(changed(z.number().min(0).max(9), z.int().min(0).max(9), 'command')).toEqual([
      'old messages: payload.field takes only integer now',
    ]);
  });

  it.each([
    ['minimum', z.number().min(1), z.number().min(2)],
    ['minimum', z.number().min(1), z.number().gt(1)],
    ['minimum', z.number(), z.number().positive()],
    ['maximum', z.number().max(2), z.number().max(1)],
    ['maximum', z.number().max(2), z.number().lt(2)],
    ['maximum', z.number().max(-1), z.number().max(-2)],
    ['minLength', z.string(), z.string().min(1)],
    ['maxLength', z.string().max(9), z.string().max(8)],
    ['minItems', z.array(z.string()), z.array(z.string()).min(1)],
    ['maxItems', z.array(z.string()).max(9), z.array(z.string()).max(8)],
  ])('for a tighter %s, and of an event for a looser one', (bound, loose, tight) => {
    expect(changed(loose, tight, 'command')).toEqual([
      `old messages: payload.field has a tighter ${bound}`,
    ]);
    expect(changed(tight, loose)).toEqual([`old readers: payload.field has a looser ${bound}`]);
  });

  it('for a value less, and of an event for one more', () => {
    expect(changed(z.enum(['a', 'b']), z.enum(['a']), 'command')).toEqual([
      'old messages: payload.field no longer takes "b"',
    ]);
    expect(changed(z.enum(['a']), z.enum(['a', 'b']))).toEqual([
      'old readers: payload.field takes "b", too',
    ]);
    expect(changed(z.literal('a'), z.literal('b'), 'command')).toEqual([
      'old messages: payload.field no longer takes "a"',
    ]);
    expect(changed(z.string(), z.enum(['a']), 'command')).toEqual([
      'old messages: payload.field takes only "a" now',
    ]);
    expect(changed(z.enum(['a']), z.string())).toEqual([
      'old readers: payload.field takes more than "a"',
    ]);
  });

  it('for a pattern or format, which may take anything when it is another one', () => {
    expect(changed(z.string(), z.string().regex(/a/), 'command')).toEqual([
      'old messages: payload.field has the pattern a now',
    ]);
    expect(changed(z.string().regex(/a/), z.string().regex(/b/), 'command')).toEqual([
      'old messages: payload.field has another pattern: was a, is b',
    ]);
    expect(changed(z.uuid(), z.email(), 'command')).toEqual([
      'old messages: payload.field has another format: was uuid, is email',
    ]);
    expect(changed(z.uuid(), z.string())).toEqual([
      'old readers: payload.field has no format any more',
    ]);
  });

  it('for a second pattern', () => {
    expect(
      changed(
        z.string().regex(/a/).regex(/b/),
        z.string().regex(/a/).regex(/b/).regex(/c/),
        'command',
      ),
    ).toHaveLength(1);
  });

  it('for an alternative less, and of an event for one more', () => {
    expect(changed(z.string().nullable(), z.string(), 'command')).toEqual([
      'old messages: payload.field no longer takes null',
    ]);
    expect(changed(z.string(), z.string().nullable())).toEqual([
      'old readers: payload.field takes null, too',
    ]);
    const kinds = [
      z.object({ kind: z.literal('card'), token: z.string() }),
      z.object({ kind: z.literal('cash') }),
    ] as const;
    expect(
      changed(
        z.discriminatedUnion('kind', [...kinds]),
        z.discriminatedUnion('kind', [kinds[0]]),
        'command',
      ),
    ).toHaveLength(1);
    expect(
      changed(
        z.discriminatedUnion('kind', [kinds[1], kinds[0]]),
        z.discriminatedUnion('kind', [...kinds]),
      ),
    ).toEqual([]);
  });

  it('for what is deep inside, and says where', () => {
    const lines = (line: object) =>
      z.array(z.object({ line: z.object(line as { sku: z.ZodType }) }));
    expect(changed(lines({ sku: z.string(), price: z.int() }), lines({ sku: z.string() }))[0]).toBe(
      'old messages: payload.field[].line.price was removed',
    );
  });

  it('for the values and names of a record', () => {
    expect(
      changed(z.record(z.string(), z.string()), z.record(z.string(), z.string().min(1)), 'command'),
    ).toEqual(['old messages: payload.field{} has a tighter minLength']);
    expect(
      changed(z.record(z.string(), z.int()), z.record(z.string().min(2), z.int()), 'command'),
    ).toEqual(['old messages: payload.field{name} has a tighter minLength']);
  });

  it('for a place of a tuple', () => {
    expect(
      changed(
        z.tuple([z.string(), z.string()]),
        z.tuple([z.string(), z.string().min(1)]),
        'command',
      ),
    ).toEqual(['old messages: payload.field[1] has a tighter minLength']);
  });

  it('to refuse other fields, and to add one where they were refused', () => {
    expect(changed(z.object({}), z.strictObject({}), 'command')).toEqual([
      'old messages: payload.field refuses other fields now',
    ]);
    expect(changed(z.strictObject({}), z.strictObject({ more: z.string().optional() }))).toEqual([
      'old readers: payload.field.more was added, where other fields are refused',
    ]);
  });

  it('for what contains itself', () => {
    const tree = (leaf: z.ZodType) => {
      const node: z.ZodType = z.lazy(() => z.object({ leaf, children: z.array(node) }));
      return node;
    };
    expect(changed(tree(z.string()), tree(z.string()))).toEqual([]);
    expect(changed(tree(z.string()), tree(z.string().min(1)), 'command')).toContain(
      'old messages: payload.field.leaf has a tighter minLength',
    );
  });

  it('for another key', () => {
    const Schema = z.object({ a: z.string(), b: z.string() });
    const breaks = breaksOf(
      schemaOf(command(fresh(), Schema, { key: 'a' })),
      schemaOf(command(fresh(), Schema)),
    );
    expect(breaks.map(({ field, what }) => `${field} ${what}`)[0]).toMatch(/^key was a, is none/);
  });

  it('never for another kind, which is another contract', () => {
    const Schema = z.object({ a: z.string() });
    expect(
      breaksOf(
        schemaOf(command(fresh(), Schema)),
        schemaOf(event(fresh(), Schema, { key: 'a' })),
      )[0]!.what,
    ).toContain('take a new name');
  });

  it('for what the rules do not understand', () => {
    const schema = schemaOf(command(fresh(), z.object({ a: z.string() })));
    expect(
      breaksOf(schema, { ...schema, payload: { ...schema.payload, not: { required: ['b'] } } }),
    ).toEqual([{ field: 'payload', breaks: 'old messages', what: 'has another not' }]);
  });
});

describe('a call', () => {
  const asked = (
    request: z.ZodType<object>,
    reply: z.ZodType<object>,
    errors: CallErrors = {},
    idempotent = true,
    deadline: '2s' | '1s' = '2s',
  ) => schemaOf(call(fresh(), { request, reply, errors, idempotent, deadline }));
  const A = z.object({ a: z.string() });
  const None = z.object({});
  const Maybe = z.object({ a: z.string().optional() });

  it('may ask for less, and not promise less', () => {
    expect(breaksOf(asked(A, None), asked(Maybe, None))).toEqual([]);
    expect(breaksOf(asked(None, A), asked(None, Maybe))).toEqual([
      { field: 'reply.a', breaks: 'old readers', what: 'is optional now' },
    ]);
  });

  it('may have an error more, and none less', () => {
    expect(breaksOf(asked(A, A), asked(A, A, { lost: None }))).toEqual([]);
    expect(breaksOf(asked(A, A, { lost: None }), asked(A, A)).map(({ field }) => field)).toEqual([
      'errors.lost',
      'errors.lost',
    ]);
    expect(breaksOf(asked(A, A, { lost: A }), asked(A, A, { lost: Maybe }))).toEqual([
      { field: 'errors.lost.a', breaks: 'old readers', what: 'is optional now' },
    ]);
  });

  it('may have a longer deadline, and become idempotent, but not stop being it', () => {
    expect(breaksOf(asked(A, A, {}, false, '1s'), asked(A, A, {}, true, '2s'))).toEqual([]);
    expect(breaksOf(asked(A, A, {}, true, '2s'), asked(A, A, {}, true, '1s'))).toEqual([
      {
        field: 'deadline',
        breaks: 'old readers',
        what: 'was 2000 ms, is 1000 ms: what was answered in time may be given up now',
      },
    ]);
    expect(
      breaksOf(asked(A, A, {}, true), asked(A, A, {}, false)).map(({ field }) => field),
    ).toEqual(['idempotent']);
  });
});

describe('what replaces the reply of a call while its owner cannot answer', () => {
  const Shape = z.object({});
  const replaced = (resilience: { stale?: '1m' | '2m'; fallback?: () => Record<string, never> }) =>
    schemaOf(
      call(fresh(), { request: Shape, reply: Shape, idempotent: true, deadline: '1s', resilience }),
    );
  const fallback = (): Record<string, never> => ({});

  it('may be added, and an older reply may be taken', () => {
    expect(breaksOf(replaced({}), replaced({ stale: '1m', fallback }))).toEqual([]);
    expect(breaksOf(replaced({ stale: '1m' }), replaced({ stale: '2m' }))).toEqual([]);
  });

  it('is not removed, and no reply is too old that was not', () => {
    const what = 'callers get an error where they got an older reply';
    expect(breaksOf(replaced({ stale: '2m' }), replaced({ stale: '1m' }))).toEqual([
      { field: 'stale', breaks: 'old readers', what: `was 120000 ms, is 60000 ms: ${what}` },
    ]);
    expect(breaksOf(replaced({ stale: '2m' }), replaced({}))).toEqual([
      { field: 'stale', breaks: 'old readers', what: `was 120000 ms, is none: ${what}` },
    ]);
    expect(breaksOf(replaced({ fallback }), replaced({}))).toEqual([
      {
        field: 'fallback',
        breaks: 'old readers',
        what: 'was removed: callers get an error where they got its reply',
      },
    ]);
  });
});

describe('a command', () => {
  const waits = (expiresWithCaller: boolean) =>
    schemaOf(command(fresh(), z.object({ a: z.string() }), { expiresWithCaller }));

  it('does not begin to expire with its caller, but may stop', () => {
    expect(breaksOf(waits(false), waits(true))).toEqual([
      {
        field: 'expiresWithCaller',
        breaks: 'old readers',
        what: 'is true now: what was stored until it is handled is given up at the deadline of a call',
      },
    ]);
    expect(breaksOf(waits(true), waits(false))).toEqual([]);
    expect(breaksOf(waits(true), waits(true))).toEqual([]);
  });
});

describe('secret fields', () => {
  const lives = (life?: '3d' | '1h') =>
    schemaOf(
      command(
        fresh(),
        z.object({ token: z.string() }),
        life && { secret: { fields: { token: 'gone' }, life } },
      ),
    );

  it('can be read for longer, but not for less long', () => {
    expect(breaksOf(lives('1h'), lives('3d'))).toEqual([]);
    expect(breaksOf(lives('3d'), lives('1h'))).toEqual([
      {
        field: 'secret.life',
        breaks: 'old readers',
        what: 'was 259200000 ms, is 3600000 ms: what waits for longer can no longer be read',
      },
    ]);
  });

  it('are told by their names when they are new or gone', () => {
    const fields = (before?: '3d' | '1h', after?: '3d' | '1h') =>
      breaksOf(lives(before), lives(after)).map(({ field, breaks }) => `${breaks}: ${field}`);
    expect(fields(undefined, '1h')).toEqual(['old readers: secret.token']);
    expect(fields('3d', undefined)).toEqual(['old messages: secret.token']);
  });
});

describe('personal fields', () => {
  const shape = z.object({ id: z.string(), owner: z.string(), name: z.string(), mail: z.string() });
  const about = (subject: 'id' | 'owner', fields: { name?: string; mail?: string }) =>
    schemaOf(
      event(fresh(), shape, {
        key: 'id',
        ...(Object.keys(fields).length > 0 && { personal: { subject, fields } }),
      }),
    );
  const breaks = (before: ReturnType<typeof about>, after: ReturnType<typeof about>) =>
    breaksOf(before, after).map(({ field, breaks }) => `${breaks}: ${field}`);

  it('are found encrypted by readers that do not know of it', () => {
    expect(breaks(about('id', {}), about('id', { name: 'erased' }))).toEqual([
      'old readers: personal.name',
    ]);
  });

  it('stay encrypted in what was said before', () => {
    expect(
      breaks(about('id', { name: 'erased', mail: 'erased' }), about('id', { name: 'erased' })),
    ).toEqual(['old messages: personal.mail']);
  });

  it('keep their subject, but may be shown in another way', () => {
    expect(breaks(about('id', { name: 'erased' }), about('owner', { name: 'erased' }))).toEqual([
      'old messages: personal.subject',
      'old readers: personal.subject',
    ]);
    expect(breaks(about('id', { name: 'erased' }), about('id', { name: 'gone' }))).toEqual([]);
  });
});

describe('a new version', () => {
  const One = z.object({ id: z.string(), total: z.int() });
  const Two = z.object({ id: z.string(), amount: z.object({ cents: z.int() }) });
  const upcasts = {
    1: (old: z.infer<typeof One>) => ({ id: old.id, amount: { cents: old.total } }),
  };
  const older = schemaOf(event(fresh(), One, { key: 'id' }));

  it('reads what was said under the older one where it upcasts it, or only added to it', () => {
    expect(
      unreadOf(older, schemaOf(event(fresh(), Two, { key: 'id', version: 2, upcasts }))),
    ).toEqual([]);
    expect(
      unreadOf(
        older,
        schemaOf(
          event(fresh(), One.extend({ note: z.string().optional() }), { key: 'id', version: 2 }),
        ),
      ),
    ).toEqual([]);
  });

  it('does not where it neither does', () => {
    const fields = unreadOf(older, schemaOf(event(fresh(), Two, { key: 'id', version: 2 }))).map(
      ({ field }) => field,
    );
    expect(fields).toEqual(['payload.total', 'payload.amount']);
    expect(
      unreadOf(
        older,
        schemaOf(
          event(fresh(), Two, {
            key: 'id',
            version: 3,
            upcasts: { 2: (old) => old as z.infer<typeof Two> },
          }),
        ),
      ),
    ).toHaveLength(2);
  });

  it('is named in its schema with what it upcasts', () => {
    expect(schemaOf(event(fresh(), Two, { key: 'id', version: 2, upcasts }))).toMatchObject({
      version: 2,
      upcasts: [1],
    });
  });
});

describe('a stream', () => {
  const request = z.object({ id: z.string() });
  const listed = (item: z.ZodType<object>, silence?: '1s' | '2s') =>
    schemaOf(stream(fresh(), { request, item, deadline: '1m', silence }));
  const breaks = (before: ReturnType<typeof listed>, after: ReturnType<typeof listed>) =>
    breaksOf(before, after).map(({ field, breaks }) => `${breaks}: ${field}`);
  const one = z.object({ id: z.string() });

  it('stays a stream, and a call stays a call', () => {
    const asked = schemaOf(
      call(fresh(), { request, reply: one, deadline: '1m', idempotent: true }),
    );
    const refused = ['old messages: item', 'old readers: item'];
    expect(breaks(listed(one), asked)).toEqual(refused);
    expect(breaks(asked, listed(one))).toEqual(refused);
    expect(breaks(listed(one), listed(one))).toEqual([]);
  });

  it('has items that its callers can read', () => {
    const more = z.object({ id: z.string(), note: z.string().optional() });
    expect(breaks(listed(one), listed(more))).toEqual([]);
    expect(breaks(listed(one), listed(z.object({})))).toEqual([
      'old messages: item.id',
      'old readers: item.id',
    ]);
  });

  it('may be silent for longer, but not for less long', () => {
    expect(breaks(listed(one, '1s'), listed(one, '2s'))).toEqual([]);
    expect(breaks(listed(one, '1s'), listed(one))).toEqual([]);
    for (const before of [listed(one, '2s'), listed(one)])
      expect(breaks(before, listed(one, '1s'))).toEqual(['old readers: silence']);
  });
});
