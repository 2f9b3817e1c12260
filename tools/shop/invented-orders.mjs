// Orders of invented customers: nine in ten go smoothly.
import { randomInt } from 'node:crypto';

/**
 * An order as the edge takes it.
 * @typedef {object} NewOrder
 * @property {{ name: string, email: string, address: Record<string, string> }} customer
 * @property {{ sku: string, quantity: number }[]} lines
 * @property {{ token: string }} payment
 */

const NOWHERE = ['Mars Base', 'Atlantis', '00000', 'AQ'];
const PLACES = [
  ['1 Mill Lane', 'Bath', 'BA1 1AA', 'GB'],
  ['Rua do Ouro 12', 'Lisboa', '1100-060', 'PT'],
  ['Hauptstraße 7', 'Köln', '50667', 'DE'],
  ['1 Brīvības iela', 'Rīga', 'LV-1010', 'LV'],
  ['12 rue des Thés', 'Lyon', '69002', 'FR'],
];

/**
 * Orders of a hundred that take another way, by their number.
 * @type {Record<number, string>}
 */
const UNHAPPY = {
  11: 'tok_declined',
  27: 'tok_flaky',
  43: 'tok_slow',
  59: 'tok_unknown',
  75: 'tok_declined',
};

/**
 * @param {{ sku: string }[]} products
 * @param {number} index the number of the order, from 0
 * @param {string} [token] the card; by default it depends on the number
 * @returns {NewOrder}
 */
export function inventOrder(products, index, token = UNHAPPY[index % 100] ?? 'tok_ok') {
  const [line1 = '', city = '', postcode = '', country = ''] =
    (index % 100 === 91 ? NOWHERE : PLACES[index % PLACES.length]) ?? [];
  const lines = new Map();
  for (let i = 0; i <= index % 3; i++)
    lines.set(products[randomInt(products.length)]?.sku, 1 + randomInt(2));
  return {
    customer: {
      name: `Customer ${index + 1}`,
      email: `customer-${index + 1}@example.org`,
      address: { line1, city, postcode, country },
    },
    lines: [...lines].map(([sku, quantity]) => ({ sku, quantity })),
    payment: { token },
  };
}
