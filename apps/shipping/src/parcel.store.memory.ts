import type { AdvanceParcel } from '@contracts/shipping';
import type { MemoryTx } from '@parley/memory';
import { type Destination, type Parcel, statusAt } from './parcel';
import { ParcelStore } from './parcel.store';

/** The twin of SqlParcelStore, for tests and simulation. */
export class MemoryParcelStore extends ParcelStore<MemoryTx> {
  private readonly parcels = new Map<string, Partial<Parcel> & Pick<Parcel, 'status'>>();
  private readonly labels = new Map<string, Buffer>();

  async add(tx: MemoryTx, parcel: Parcel, label?: Buffer): Promise<boolean> {
    if (this.parcels.has(parcel.orderId)) return false;
    set(tx, this.parcels, parcel.orderId, parcel);
    if (label) set(tx, this.labels, parcel.orderId, label);
    return true;
  }

  async cancel(tx: MemoryTx, orderId: string): Promise<boolean> {
    const parcel = this.parcels.get(orderId);
    if (parcel && parcel.status !== 'refused') return false;
    set(tx, this.parcels, orderId, { ...parcel, status: 'cancelled' });
    return true;
  }

  async scan(
    tx: MemoryTx,
    { orderId, parcelId, stop }: AdvanceParcel,
  ): Promise<Destination | undefined> {
    const parcel = this.parcels.get(orderId) as Parcel | undefined;
    if (parcel?.status !== 'dispatched' || parcel.parcelId !== parcelId || parcel.stops !== stop)
      return undefined;
    set(tx, this.parcels, orderId, { ...parcel, stops: stop + 1, status: statusAt(stop) });
    return { city: parcel.city, country: parcel.country };
  }

  async label(orderId: string): Promise<Buffer | undefined> {
    return this.labels.get(orderId);
  }
}

function set<V>(tx: MemoryTx, map: Map<string, V>, key: string, value: V): void {
  const before = map.get(key);
  map.set(key, value);
  tx.undo(() => (before === undefined ? map.delete(key) : map.set(key, before)));
}
