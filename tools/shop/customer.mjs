// Who the tools are to the edge, when it asks: CUSTOMER_TOKEN is sent as the bearer token.
const { CUSTOMER_TOKEN } = process.env;

/**
 * Headers.
 * @type {Record<string, string>}
 */
export const asCustomer = CUSTOMER_TOKEN ? { authorization: `Bearer ${CUSTOMER_TOKEN}` } : {};
