import {
  AdvanceParcel,
  CancelShipment,
  GetLabel,
  ParcelDelivered,
  ParcelDispatched,
  ParcelLocated,
  ParcelMoved,
  ShipmentCancelled,
  ShipmentRefused,
  ShipOrder,
} from '@contracts/shipping';
import { Controller } from '@nestjs/common';
import type { Duration } from '@parley/contract';
import { CallError, Handles, Messenger, type HandlerContext } from '@parley/messaging';
import { drawLabel } from './label';
import { pack, placeAt, refusalOf } from './parcel';
import { ParcelStore } from './parcel.store';

/** How long a parcel takes from one stop to the next. */
export class Pace {
  constructor(readonly step: Duration) {}
}

@Controller()
export class ParcelController {
  constructor(
    private readonly parcels: ParcelStore,
    private readonly messenger: Messenger,
    private readonly pace: Pace,
  ) {}

  /**
   * Draws the label first, with no transaction open. An order that was cancelled, or shipped
   * before, is passed over in silence.
   */
  @Handles(ShipOrder, { transaction: 'own' })
  async ship(order: ShipOrder, context: HandlerContext): Promise<void> {
    const reason = refusalOf(order);
    if (reason !== undefined) return this.refuse(order, reason, context);
    const { orderId, lines } = order;
    const parcel = pack(order);
    const { parcelId, trackingNumber } = parcel;
    const label = await drawLabel({ ...order, trackingNumber });
    await context.transaction(async (tx) => {
      if (!(await this.parcels.add(tx, parcel, label))) return;
      await this.messenger.publish(ParcelDispatched, { orderId, parcelId, trackingNumber, lines });
      await this.messenger.send(
        AdvanceParcel,
        { orderId, parcelId, stop: 0 },
        { delay: this.pace.step },
      );
    });
  }

  @Handles(CancelShipment)
  async cancel({ orderId }: CancelShipment, { tx }: HandlerContext): Promise<void> {
    if (await this.parcels.cancel(tx, orderId))
      await this.messenger.publish(ShipmentCancelled, { orderId });
  }

  @Handles(AdvanceParcel, { transaction: 'own' })
  async advance(scan: AdvanceParcel, context: HandlerContext): Promise<void> {
    const { orderId, parcelId } = scan;
    const place = await context.transaction(async (tx) => {
      const destination = await this.parcels.scan(tx, scan);
      return destination && this.moved(scan, placeAt(scan.stop, destination));
    });
    if (place === undefined) return;
    // After the commit, without the outbox: a lost position is worth neither a row in the outbox
    // nor a second scan if sending fails.
    await this.messenger
      .broadcast(ParcelLocated, { orderId, parcelId, place, at: new Date().toISOString() })
      .catch(() => undefined);
  }

  @Handles(GetLabel)
  async label({ orderId }: GetLabel) {
    const pdf = await this.parcels.label(orderId);
    if (!pdf) throw new CallError(GetLabel, 'no-label', { orderId });
    return { fileName: `label-${orderId}.pdf`, pdf: pdf.toString('base64') };
  }

  private refuse(order: ShipOrder, reason: string, context: HandlerContext): Promise<void> {
    return context.transaction(async (tx) => {
      if (await this.parcels.add(tx, pack(order, 'refused')))
        await this.messenger.publish(ShipmentRefused, { orderId: order.orderId, reason });
    });
  }

  private async moved(
    { orderId, parcelId, stop }: AdvanceParcel,
    place: string | undefined,
  ): Promise<string | undefined> {
    if (place === undefined) {
      await this.messenger.publish(ParcelDelivered, { orderId, parcelId });
      return undefined;
    }
    await this.messenger.publish(ParcelMoved, { orderId, parcelId, place });
    await this.messenger.send(
      AdvanceParcel,
      { orderId, parcelId, stop: stop + 1 },
      { delay: this.pace.step },
    );
    return place;
  }
}
