import './field-numbers';
export {
  Account,
  Customer,
  ERASED_CUSTOMER,
  GetOrder,
  HistoryEntry,
  ListOrders,
  Order,
  type OrderAccepted,
  OrderDelivered,
  OrderPlaced,
  OrderProgressed,
  OrderRejected,
  OrderShipped,
  OrderStatus,
  PageEnd,
  PlaceOrder,
} from './orders';
