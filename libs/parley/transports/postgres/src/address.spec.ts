import { connectionTo, placeOf, PostgresUnavailableError, postgresUrl } from './address';

describe('the address of a PostgreSQL', () => {
  it('shows neither user nor password', () => {
    expect(placeOf('postgres://me:s%40cret@db.example/shop?sslmode=verify-full')).toBe(
      'postgres://db.example:5432/shop',
    );
  });

  it('is the same connection however it is written, unless it has options', () => {
    const parts = { host: 'db', port: 5432, user: 'me', password: 's@cret', database: 'shop' };
    expect(connectionTo('postgres://me:s%40cret@db/shop')).toEqual(parts);
    expect(connectionTo('postgresql://me:s%40cret@db:5432/shop')).toEqual(parts);
    expect(connectionTo('postgres://db/shop?sslmode=disable')).toEqual({
      connectionString: 'postgres://db/shop?sslmode=disable',
    });
  });

  it('is used with the TLS that the DataSource has', () => {
    const ssl = { ca: 'of the company' };
    expect(connectionTo('postgres://db/shop', ssl)).toMatchObject({ host: 'db', ssl });
    expect(connectionTo('postgres://db/shop', false)).toMatchObject({ ssl: false });
  });

  it('may be an IPv6 address', () => {
    expect(placeOf('postgres://me:secret@[::1]/shop')).toBe('postgres://[::1]:5432/shop');
    expect(connectionTo('postgres://me:secret@[::1]:6000/shop')).toMatchObject({
      host: '::1',
      port: 6000,
    });
    expect(
      new PostgresUnavailableError(connectionTo('postgres://me:secret@[::1]:6000/shop'), {})
        .message,
    ).toMatch(/^PostgreSQL at postgres:\/\/\[::1\]:6000\/shop /);
  });

  it.each([
    'mysql://db/shop',
    'unpostgres://db/shop',
    'postgresqls://db/shop',
    'db:5432',
    'postgres://me:s#cret@db/shop',
  ])('refuses %s', (url) => {
    expect(() => postgresUrl(url)).toThrow('write postgres://');
  });

  it.each([
    'sslmode',
    'sslrootcert',
    'sslcert',
    'sslkey',
    'sslnegotiation',
    'uselibpqcompat',
    'ssl',
    'host',
    'port',
    'options',
    'application_name',
    'fallback_application_name',
    'client_encoding',
    'statement_timeout',
    'query_timeout',
    'lock_timeout',
    'idle_in_transaction_session_timeout',
  ])('may have the option %s', (option) => {
    const url = `postgres://db/shop?${option}=1`;
    expect(postgresUrl(url).href).toBe(url);
  });

  it('refuses options that the client would pass over', () => {
    expect(() => postgresUrl('postgres://db/shop?schema=public')).toThrow(
      'has no option "schema"; it has sslmode, ',
    );
  });
});

describe('a failed start', () => {
  const reported = (cause: object, address = 'postgres://me:secret@db/shop') =>
    new PostgresUnavailableError(connectionTo(address), cause).message;

  it.each([
    [
      { code: '28P01', message: 'password authentication failed for user "me"' },
      /refuses the user "me" \(password .*\); correct its URL/,
    ],
    [
      { code: '3D000', message: 'database "shop" does not exist' },
      /has no such database \(.*\); create it/,
    ],
    [
      { code: '3F000', message: 'schema "parley" does not exist' },
      /has no schema parley, or not for the role "me" \(.*\); run install\(\)/,
    ],
    [{ code: 'ECONNREFUSED', message: '' }, /cannot be reached \(ECONNREFUSED\); is it running/],
    [
      { message: 'Connection terminated unexpectedly' },
      /hangs up \(.*\); is it PostgreSQL that listens there/,
    ],
  ])('says in one sentence what to do about %j', (cause, expected) => {
    for (const address of [
      'postgres://me:secret@db/shop',
      'postgres://me:secret@db/shop?application_name=x',
    ]) {
      expect(reported(cause, address)).toMatch(/^PostgreSQL at postgres:\/\/db:5432\/shop /);
      expect(reported(cause, address)).toMatch(expected);
      expect(reported(cause, address)).not.toMatch(/secret|\n/);
    }
  });

  it('keeps its cause, and may be of a user that nobody named', () => {
    const cause = { code: '28P01', message: 'no password' };
    const error = new PostgresUnavailableError({ host: 'db', database: 'shop' }, cause);
    expect(error.cause).toBe(cause);
    expect(error.message).toMatch(/^PostgreSQL at postgres:\/\/db:5432\/shop refuses the user "" /);
  });
});
