// helm test: places an order at the gateway and waits until it is delivered.
const [gateway, seconds] = process.argv.slice(-2);
const until = performance.now() + Number(seconds) * 1000;
const isOver = () => performance.now() > until;
const pause = () => new Promise((resolve) => setTimeout(resolve, 500));

/**
 * A gateway that starts or ends may fail: it is asked again until the time is over.
 * @param {() => Promise<any>} ask
 */
async function patiently(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (isOver()) throw error;
      await pause();
    }
  }
}

async function json(path, options = {}) {
  const response = await fetch(`${gateway}${path}`, {
    ...options,
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

const { products } = await patiently(() => json('/products'));
const address = { line1: '1 Mill Lane', city: 'Bath', postcode: 'BA1 1AA', country: 'GB' };
const order = {
  customer: { name: 'Helm Test', email: 'test@example.org', address },
  lines: [{ sku: products[0].sku, quantity: 1 }],
  payment: { token: 'tok_ok' },
};
const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() };
const { orderId, guest } = await patiently(() =>
  json('/orders', { method: 'POST', headers, body: JSON.stringify(order) }),
);
console.log(`order ${orderId} was taken`);

let status = '';
while (status !== 'delivered' && status !== 'rejected' && !isOver()) {
  const shown = await patiently(() =>
    json(`/orders/${orderId}`, {
      headers: guest ? { authorization: `Bearer ${guest.token}` } : {},
    }),
  );
  if (shown.status !== status) console.log((status = shown.status));
  await pause();
}
if (status !== 'delivered') {
  console.error(`The order was not delivered within ${seconds} s: it is ${status}.`);
  process.exit(1);
}
