export {
  ChargePayment,
  PaymentCaptured,
  PaymentDeclined,
  PaymentRefunded,
  RefundPayment,
} from './payments';
