import { z } from 'zod';
import { broadcast, call, command, contractNamed, event, keyOf, stream } from './contract';
import { ContractError } from './contract-error';

const Lines = z.object({ orderId: z.string(), lines: z.number() });

describe('a contract', () => {
  it('is a value: kind, wire name, owner, version and schema', () => {
    const pick = command('warehouse.pick-lines', Lines, { key: 'orderId', version: 3 });
    expect(pick).toEqual({
      kind: 'command',
      name: 'warehouse.pick-lines',
      owner: 'warehouse',
      version: 3,
      payload: Lines,
      key: 'orderId',
    });
  });

  it('has its kind by the function that made it', () => {
    const kinds = [
      call('kinds.ask-it', { request: Lines, reply: Lines }),
      command('kinds.do-it', Lines),
      broadcast('kinds.it-moved', Lines),
      event('kinds.it-happened', Lines, { key: 'orderId' }),
    ].map(({ kind }) => kind);
    expect(kinds).toEqual(['call', 'command', 'broadcast', 'event']);
  });

  it('is of version 1 unless it says otherwise', () => {
    expect(broadcast('warehouse.door-opened', Lines).version).toBe(1);
  });

  it.each([0, -1, 1.5, NaN, Infinity])('refuses the version %p', (version) => {
    expect(() => command('warehouse.version-lines', Lines, { version })).toThrow(ContractError);
  });

  it('upcasts older versions than its own, and no others', () => {
    const upcasts = { 1: ({ order }: { order: string }) => ({ orderId: order, lines: 0 }) };
    expect(
      event('warehouse.lines-counted', Lines, { key: 'orderId', version: 2, upcasts }).upcasts,
    ).toBe(upcasts);
    for (const [version, name] of [
      [1, 'one'],
      [undefined, 'none'],
    ] as const)
      expect(() =>
        event(`warehouse.${name}-counted`, Lines, { key: 'orderId', version, upcasts }),
      ).toThrow('upcasts version 1, but is itself of version 1');
  });

  it.each([
    'warehouse',
    'Warehouse.pick',
    'warehouse.pick.lines',
    'warehouse.',
    '.pick',
    'warehouse.Pick',
    '1st.pick',
    'warehouse.pick lines',
    'warehouse.pick\n',
    '',
  ])('refuses the name %j', (name) => {
    expect(() => command(name, Lines)).toThrow(ContractError);
  });

  it('has a name that queues and channels can be made of', () => {
    expect(() => command(`${'w'.repeat(41)}.pick-lines`, Lines)).toThrow(
      /is too long; use at most 128 characters, of them 40 for the owner/,
    );
    expect(() => command(`warehouse.${'w'.repeat(119)}`, Lines)).toThrow(ContractError);
    expect(command(`${'w'.repeat(40)}.${'w'.repeat(87)}`, Lines).name).toHaveLength(128);
  });

  it('needs time to be answered', () => {
    expect(() =>
      call('warehouse.ask-now', { request: Lines, reply: Lines, deadline: '0s' }),
    ).toThrow('deadline of nothing');
  });

  it('cannot be defined twice, be it of another kind', () => {
    command('warehouse.count-lines', Lines);
    expect(() => broadcast('warehouse.count-lines', Lines)).toThrow(
      'warehouse.count-lines is defined twice',
    );
  });

  it('that was refused does not take its name', () => {
    expect(() => command('warehouse.try-lines', Lines, { version: 0 })).toThrow();
    expect(command('warehouse.try-lines', Lines).version).toBe(1);
  });
});

describe('a call', () => {
  it('waits five seconds and is asked once, unless it says otherwise', () => {
    expect(call('warehouse.ask-lines', { request: Lines, reply: Lines })).toMatchObject({
      deadline: 5_000,
      idempotent: false,
      errors: {},
    });
  });

  it('takes its deadline as people write it', () => {
    expect(
      call('warehouse.ask-quickly', {
        request: Lines,
        reply: Lines,
        deadline: '800ms',
        idempotent: true,
      }),
    ).toMatchObject({ deadline: 800, idempotent: true });
  });
});

describe('a contract found by its name', () => {
  it('is the very value that was defined', () => {
    const stored = event('warehouse.lines-stored', Lines, { key: 'orderId' });
    expect(contractNamed('warehouse.lines-stored')).toBe(stored);
  });

  it.each(['warehouse.nobody-knows', 'constructor', '__proto__', 'toString'])(
    'is refused when nobody defined it: %s',
    (name) => {
      expect(() => contractNamed(name)).toThrow(`${name} is not among the contracts`);
    },
  );
});

describe('a lane', () => {
  it('is named by the key field of the payload', () => {
    expect(
      keyOf(command('warehouse.sort-lines', Lines, { key: 'orderId' }), {
        orderId: 'o-1',
        lines: 2,
      }),
    ).toBe('o-1');
  });

  it('does not exist for a contract without a key', () => {
    expect(
      keyOf(command('warehouse.wipe-lines', Lines), { orderId: 'o-1', lines: 2 }),
    ).toBeUndefined();
  });

  it('may be named by nothing at all', () => {
    expect(
      keyOf(command('warehouse.hide-lines', Lines, { key: 'orderId' }), { orderId: '', lines: 2 }),
    ).toBe('');
  });
});

describe('a stream', () => {
  const parts = { request: z.object({}), item: z.object({ n: z.int() }) };

  it('may be asked for again, and says how long it and its silences may be', () => {
    const Watched = stream('tower.watch-ships', { ...parts, deadline: '1h', silence: '30s' });
    expect(Watched).toMatchObject({ idempotent: true, deadline: 3_600_000, silence: 30_000 });
    expect(stream('tower.watch-tides', { ...parts, deadline: '1h' }).silence).toBeUndefined();
  });

  it.each([
    ['a silence of nothing', { deadline: '1h', silence: '0s' }],
    ['a deadline of nothing', { deadline: '0s' }],
    ['items that JSON cannot carry', { deadline: '1h', item: z.object({ at: z.date() }) }],
  ] as const)('has no %s', (_, wrong) => {
    expect(() =>
      stream('tower.watch-nothing', { ...parts, ...wrong } as typeof parts & typeof wrong),
    ).toThrow(ContractError);
  });
});
