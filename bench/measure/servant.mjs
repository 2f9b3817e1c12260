// In the process of a contestant: one order after the other, from measure/processes.mjs.

/**
 * Ready for orders, until the other process ends or disconnects. An order that fails is answered
 * with its error.
 * @param {(order: any) => Promise<object | void>} obey resolves to the answer
 */
export function takeOrders(obey) {
  process.on('message', (order) => {
    obey(order).then(
      (answer) => process.send?.(answer ?? {}),
      (error) => process.send?.({ error: error?.stack ?? String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
  process.send?.({});
}

/** Milliseconds of a clock that all processes of this machine share. */
export const now = () => Number(process.hrtime.bigint()) / 1e6;
