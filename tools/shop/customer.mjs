// Who the tools are to the edge, when it asks: CUSTOMER_TOKEN, or the customer who logged in here.
import { loginToken } from '../auth/login-file.mjs';

const token = process.env.CUSTOMER_TOKEN || loginToken('shop');

/**
 * Headers.
 * @type {Record<string, string>}
 */
export const asCustomer = token ? { authorization: `Bearer ${token}` } : {};
