// Orders from a file that people keep in a spreadsheet.
import fs from 'node:fs/promises';

/** @import { NewOrder } from './invented-orders.mjs' */

const COLUMNS = /** @type {const} */ ([
  'name',
  'email',
  'line1',
  'city',
  'postcode',
  'country',
  'sku',
  'quantity',
  'token',
]);

/** @typedef {typeof COLUMNS[number]} Column */

/**
 * One order a line; rejects naming the line and the column that is wrong.
 * @param {string} file
 * @returns {Promise<NewOrder[]>}
 */
export async function readOrders(file) {
  const text = await fs.readFile(file, 'utf8').catch((error) => {
    throw new Error(`${file} cannot be read: ${error.message}`);
  });
  const [header = [], ...lines] = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map(cells);
  const missing = COLUMNS.filter((column) => !header.includes(column));
  if (missing.length)
    throw new Error(
      `${file}: the first line must name the columns ${COLUMNS.join(',')}; ${missing.join(', ')} is missing`,
    );
  return lines.map((line, index) =>
    orderOf((column) => line[header.indexOf(column)] ?? '', `${file}:${index + 2}`),
  );
}

/**
 * @param {(column: Column) => string} cell
 * @param {string} where
 * @returns {NewOrder}
 */
function orderOf(cell, where) {
  const quantity = cell('quantity');
  const [line1, city, postcode, country] = [
    cell('line1'),
    cell('city'),
    cell('postcode'),
    cell('country'),
  ];
  if (!/^[1-9]\d{0,3}$/.test(quantity))
    throw new Error(`${where}: quantity is "${quantity}", but must be a whole number from 1`);
  return {
    customer: {
      name: cell('name'),
      email: cell('email'),
      address: { line1, city, postcode, country },
    },
    lines: [{ sku: cell('sku'), quantity: Number(quantity) }],
    payment: { token: cell('token') },
  };
}

/**
 * RFC 4180: cells may be quoted, a quote inside is doubled.
 * @param {string} line
 */
function cells(line) {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '').trim() : quoted.replaceAll('""', '"'),
  );
}
