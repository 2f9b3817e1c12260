export { Cents, ChangePrice, Line, Lines, ListProducts, PriceChanged, Product, type Quote, QuotedLine, QuotePrice, Sku } from './catalog';
