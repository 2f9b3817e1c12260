import './field-numbers';
export {
  Address,
  AdvanceParcel,
  CancelShipment,
  ERASED_ADDRESS,
  GetLabel,
  ParcelDelivered,
  ParcelDispatched,
  ParcelLocated,
  ParcelMoved,
  ShipmentCancelled,
  ShipmentRefused,
  ShipOrder,
} from './shipping';
