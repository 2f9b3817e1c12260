import { DataSource, type DataSourceOptions } from 'typeorm';
import { PostgresStore } from './store';

const cautions = (options: object): readonly string[] => {
  const type = 'postgres';
  const url = 'postgres://nobody@127.0.0.1:9/none';
  const dataSource = new DataSource({ type, url, ...options } as DataSourceOptions);
  return new PostgresStore(dataSource, { service: 'shop' }).cautions;
};

describe('the DataSource of an application', () => {
  it.each([
    {},
    { connectTimeoutMS: 0 },
    { extra: {} },
    { connectTimeoutMS: 10_000, extra: { connectionTimeoutMillis: 0 } },
  ])(
    // prettier-ignore
    'is warned of when it may wait for a connection for ever: %j',
    (options) =>
      expect(cautions(options)).toEqual([
        expect.stringMatching(/^the DataSource has no connectTimeoutMS: .*; set it/),
      ]),
  );

  it.each([{ connectTimeoutMS: 10_000 }, { extra: { connectionTimeoutMillis: 5_000 } }])(
    'is taken as it is when it waits within bounds: %j',
    (options) => expect(cautions(options)).toEqual([]),
  );
});
