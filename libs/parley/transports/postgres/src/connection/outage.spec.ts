import { PostgresUnavailableError } from '../address';
import { DatabaseAwayError, beforeCommit, connectionBroke, outageOf, underCommit } from './outage';

const failure = (message: string, properties: object = {}): Error =>
  Object.assign(new Error(message), properties);
const ended = failure('Connection terminated unexpectedly');
const refused = failure('connect ECONNREFUSED 127.0.0.1:5432', {
  code: 'ECONNREFUSED',
  syscall: 'connect',
});

describe('an error of the database', () => {
  it.each([
    [
      'a read-only server',
      failure('cannot execute INSERT in a read-only transaction', { code: '25006' }),
      'none',
    ],
    [
      'a server without connections',
      failure('sorry, too many clients already', { code: '53300' }),
      'none',
    ],
    [
      'a server that is starting',
      failure('the database system is starting up', { code: '57P03' }),
      'none',
    ],
    [
      'a server that was stopped',
      failure('terminating connection due to administrator command', { code: '57P01' }),
      'unknown',
    ],
    [
      'a server that crashed',
      failure('terminating connection because of crash of another server process', {
        code: '57P02',
      }),
      'unknown',
    ],
    [
      'a transaction that lost against another',
      failure('could not serialize access', { code: '40001' }),
      'none',
    ],
    ['a deadlock', failure('deadlock detected', { code: '40P01' }), 'none'],
    [
      'a statement that takes too long',
      failure('canceling statement due to statement timeout', { code: '57014' }),
      'none',
    ],
    ['a server that is not there', refused, 'none'],
    ['a name with two addresses, neither there', new AggregateError([refused, refused]), 'none'],
    [
      'a name with two addresses, one of them useless here',
      new AggregateError([failure('no IPv6'), refused]),
      'none',
    ],
    [
      'a server that was not there at the start',
      new PostgresUnavailableError({ host: 'db', port: 5432, database: 'shop' }, refused),
      'none',
    ],
    [
      'a server that does not accept the connection',
      failure('the server rejected the connection', { code: '08004' }),
      'none',
    ],
    [
      'a server that cannot be connected to',
      failure('the connection could not be made', { code: '08001' }),
      'none',
    ],
    [
      'a server that lost the connection',
      failure('the connection failed', { code: '08006' }),
      'unknown',
    ],
    [
      'a connection that breaks',
      failure('read ECONNRESET', { code: 'ECONNRESET', syscall: 'read' }),
      'unknown',
    ],
    ['a connection that ends', ended, 'unknown'],
    ['a connection that says nothing', failure('Query read timeout'), 'unknown'],
    ['a pool that has none left', failure('timeout exceeded when trying to connect'), 'none'],
    [
      'what TypeORM wraps',
      failure('QueryFailedError', {
        code: '25006',
        driverError: failure('read-only', { code: '25006' }),
      }),
      'none',
    ],
    [
      'what TypeORM wraps without a code',
      failure('Error: Connection terminated unexpectedly', { driverError: ended }),
      'unknown',
    ],
  ])('that comes from %s is an outage', (_what, error, effect) => {
    expect(outageOf(error)).toMatchObject({ name: 'DatabaseAwayError', effect, cause: error });
  });

  it.each([
    ['EHOSTUNREACH', 'unknown'],
    ['EHOSTDOWN', 'unknown'],
    ['ENETUNREACH', 'unknown'],
    ['ENETDOWN', 'unknown'],
    ['ENETRESET', 'unknown'],
    ['ENOBUFS', 'unknown'],
    ['EADDRNOTAVAIL', 'none'],
    ['EMFILE', 'none'],
    ['ENFILE', 'none'],
  ])('is an outage when the network, or this machine, says %s', (code, effect) => {
    const error = failure(`connect ${code} 10.0.0.1:5432`, { code, syscall: 'connect' });
    expect(outageOf(error)).toMatchObject({ name: 'DatabaseAwayError', effect, cause: error });
  });

  it.each([
    ['a wrong statement', failure('syntax error', { code: '42601' })],
    ['a broken rule', failure('duplicate key value', { code: '23505' })],
    ['a programming error', new TypeError("Cannot read properties of undefined (reading 'rows')")],
    ['another service that cannot be reached', new TypeError('fetch failed', { cause: refused })],
    ['another service that names a timeout', failure('the bank: timeout expired')],
    ['another database', failure('E11000 duplicate key', { code: 11000 })],
    ['a text', 'ECONNREFUSED'],
    ['nothing', undefined],
  ])('that comes from %s is none', (_what, error) => {
    expect(outageOf(error)).toBeUndefined();
  });

  it('says that nothing took effect when it ends a transaction before its commit', () => {
    expect(beforeCommit(failure('terminated', { code: '57P01' }))).toMatchObject({
      effect: 'none',
    });
    const own = failure('read ECONNRESET', { code: 'ECONNRESET', syscall: 'read' });
    expect(beforeCommit(own)).toBe(own);
    expect(beforeCommit(failure('read ECONNRESET', { ...own, driverError: own }))).toMatchObject({
      effect: 'none',
    });
    expect(
      beforeCommit(
        Object.assign(new Error('released'), { name: 'QueryRunnerProviderAlreadyReleasedError' }),
      ),
    ).toMatchObject({ effect: 'none' });
    expect(connectionBroke()).toMatchObject({ effect: 'none' });
  });

  it.each([['a text'], [undefined], [null], [failure('a bug')], [connectionBroke()]])(
    'is not found in what a handler throws beside: %p',
    (thrown) => {
      expect(beforeCommit(thrown)).toBe(thrown);
      expect(underCommit(thrown)).toBe(thrown);
    },
  );

  it('says that nobody knows when it ends a commit', () => {
    const broken = underCommit(ended);
    expect(broken).toBeInstanceOf(DatabaseAwayError);
    expect(outageOf(broken)).toBe(broken);
    expect(broken).toMatchObject({ effect: 'unknown' });
    const late = failure('could not serialize access', { code: '40001' });
    expect(underCommit(late)).toBe(late);
  });
});
