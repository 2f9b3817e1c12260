import { prepareStatements } from './prepared';

function connection(answer: (query: unknown) => unknown = () => ({ rows: [] })) {
  const sent: unknown[] = [];
  const client = { query: async (query: unknown) => (sent.push(query), answer(query)) };
  prepareStatements(client as never);
  return { sent, query: client.query as unknown as (...args: unknown[]) => Promise<unknown> };
}

describe('prepared statements', () => {
  it('gives a statement with parameters one name, and another statement another', async () => {
    const { sent, query } = connection();
    await query('select $1', [1]);
    await query('select $1', [2]);
    await query('select $1, 1', [3]);
    const [first, second, third] = sent as { name: string; values: number[] }[];
    expect(first).toMatchObject({ text: 'select $1', values: [1] });
    expect(second!.name).toBe(first!.name);
    expect(third!.name).not.toBe(first!.name);
  });

  it('leaves alone what has no parameters or is a query object', async () => {
    const { sent, query } = connection();
    await query('begin');
    await query({ name: 'own', text: 'select 1' });
    expect(sent).toEqual(['begin', { name: 'own', text: 'select 1' }]);
  });

  it('takes another name after a migration changed what the statement answers', async () => {
    let fails = true;
    const { sent, query } = connection(() => {
      if (fails) throw new Error('cached plan must not change result type');
    });
    await expect(query('select * from t where id = $1', [1])).rejects.toThrow('cached plan');
    fails = false;
    await query('select * from t where id = $1', [1]);
    const [before, after] = sent as { name: string }[];
    expect(after!.name).not.toBe(before!.name);
  });
});
