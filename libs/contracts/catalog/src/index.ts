import './field-numbers';
export {
  Cents,
  ChangePrice,
  Line,
  Lines,
  ListProducts,
  MOST_CENTS,
  PriceChanged,
  Product,
  type Quote,
  QuotedLine,
  QuotePrice,
  Sku,
} from './catalog';
