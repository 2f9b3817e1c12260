import { Controller, Injectable } from '@nestjs/common';
import { command, event, type Message } from '@parley/contract';
import { Handles, Messenger } from '@parley/messaging';
import { end, next, saga, send } from '@parley/sagas';
import { z } from 'zod';

const Parcel = z.object({ parcelId: z.string() });

export const ParcelSent = event('post.parcel-sent', Parcel, { key: 'parcelId' });
export const ParcelArrived = event('post.parcel-arrived', Parcel, { key: 'parcelId' });
export const ScanParcel = command('post.scan-parcel', Parcel, { key: 'parcelId' });
export type ScanParcel = Message<typeof ScanParcel>;
export const RemindCarrier = command('carrier.remind', Parcel, { key: 'parcelId' });

/** Reminds the carrier of a parcel that has not arrived after half an hour. */
export const delivery = saga('delivery', { state: Parcel, by: 'parcelId' })
  .startsOn(ParcelSent, (parcel) => next(parcel))
  .on(ParcelArrived, (parcel) => end(parcel))
  .after('30m', 'late', (parcel) => end(parcel, send(RemindCarrier, parcel)));

/** Stands for something that is not always there. */
@Injectable()
export class Scanner {
  isOn = true;
}

@Controller()
export class ScanController {
  constructor(
    private readonly scanner: Scanner,
    private readonly messenger: Messenger,
  ) {}

  @Handles(ScanParcel)
  async scan({ parcelId }: ScanParcel): Promise<void> {
    if (!this.scanner.isOn) throw new Error('the scanner is off');
    await this.messenger.publish(ParcelArrived, { parcelId });
  }
}
