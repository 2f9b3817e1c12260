// The credentials of the tools at the edge: CUSTOMER_TOKEN, or the customer of the last log-in
// here.
import { loginToken } from '../auth/login-file.mjs';

const token = process.env.CUSTOMER_TOKEN || loginToken('shop');

/**
 * Headers.
 * @type {Record<string, string>}
 */
export const asCustomer = token ? { authorization: `Bearer ${token}` } : {};
