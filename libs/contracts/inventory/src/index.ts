import './field-numbers';
export {
  ListStock,
  ReleaseStock,
  ReserveStock,
  StockLevel,
  StockRejected,
  StockReleased,
  StockReserved,
} from './inventory';
