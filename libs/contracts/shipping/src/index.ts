export {
  Address,
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
} from './shipping';
