import type { AdvanceParcel } from '@contracts/shipping';
import type { EntityManager } from 'typeorm';
import { type Destination, type Parcel, statusAt } from './parcel';

/**
 * Parcels and their labels, one of each per order. `MemoryParcelStore` is the twin of the SQL one.
 */
export abstract class ParcelStore<Tx = EntityManager> {
  /**
   * Keeps a parcel with its label, or one that was refused. False when the order has one already,
   * or was cancelled.
   */
  abstract add(tx: Tx, parcel: Parcel, label?: Buffer): Promise<boolean>;
  /**
   * Keeps anything from being dispatched for an order. False when that was known, or when its
   * parcel has left.
   */
  abstract cancel(tx: Tx, orderId: string): Promise<boolean>;
  /**
   * Moves a parcel that waits for this stop past it, and tells where it goes. Undefined for any
   * other.
   */
  abstract scan(tx: Tx, scan: AdvanceParcel): Promise<Destination | undefined>;
  /** The committed label. */
  abstract label(orderId: string): Promise<Buffer | undefined>;
}

const NOWHERE = '00000000-0000-0000-0000-000000000000';

export class SqlParcelStore extends ParcelStore {
  constructor(private readonly database: Pick<EntityManager, 'query'>) {
    super();
  }

  async add(
    tx: EntityManager,
    { orderId, status, parcelId, trackingNumber, city, country, stops }: Parcel,
    label?: Buffer,
  ): Promise<boolean> {
    const added: unknown[] = await tx.query(
      `with added as (
         insert into parcel (order_id, status, parcel_id, tracking_number, city, country, stops) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict do nothing returning order_id
       ), labelled as (
         insert into label (order_id, pdf) select order_id, $8 from added where $8::bytea is not null
       )
       select order_id from added`,
      [orderId, status, parcelId, trackingNumber, city, country, stops, label],
    );
    return added.length > 0;
  }

  async cancel(tx: EntityManager, orderId: string): Promise<boolean> {
    const cancelled: unknown[] = await tx.query(
      `insert into parcel (order_id, status, parcel_id, tracking_number, city, country, stops) values ($1, 'cancelled', '${NOWHERE}', '', '', '', 0)
       on conflict (order_id) do update set status = 'cancelled', changed_at = now() where parcel.status = 'refused'
       returning order_id`,
      [orderId],
    );
    return cancelled.length > 0;
  }

  async scan(
    tx: EntityManager,
    { orderId, parcelId, stop }: AdvanceParcel,
  ): Promise<Destination | undefined> {
    const [[destination]]: [Destination[], number] = await tx.query(
      `update parcel set stops = stops + 1, status = $4, changed_at = now()
        where order_id = $1 and parcel_id = $2 and stops = $3 and status = 'dispatched'
       returning city, country`,
      [orderId, parcelId, stop, statusAt(stop)],
    );
    return destination;
  }

  async label(orderId: string): Promise<Buffer | undefined> {
    const [row]: { pdf: Buffer }[] = await this.database.query(
      'select pdf from label where order_id = $1',
      [orderId],
    );
    return row?.pdf;
  }
}
