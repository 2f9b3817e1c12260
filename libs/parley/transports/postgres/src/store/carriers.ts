import type { Carrier, Carriers, FormerCarrier, Unread } from '@parley/messaging/transport';
import type { Caller, Statement } from '../connection/database';

const NOTE: Statement = {
  name: 'parley_note_carriers',
  text: 'select * from parley.note_carriers($1, $2, $3, $4)',
};
const UNREAD: Statement = {
  name: 'parley_unread_of',
  text: 'select kind, subscription, messages::int from parley.unread_of($1) where messages > 0 order by subscription',
};

export class PostgresCarriers implements Carriers {
  constructor(
    private readonly database: Caller,
    private readonly service: string,
  ) {}

  note(carriers: readonly Carrier[]): Promise<readonly FormerCarrier[]> {
    const columns = [
      carriers.map(({ kind }) => kind),
      carriers.map(({ technology }) => technology),
      carriers.map(({ address }) => address),
    ];
    return this.database.call<FormerCarrier>(NOTE, [this.service, ...columns]);
  }

  unread(): Promise<readonly Unread[]> {
    return this.database.call<Unread>(UNREAD, [this.service]);
  }
}
