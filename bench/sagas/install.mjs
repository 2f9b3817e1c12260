// Installs what a contestant of the bench of sagas needs: `node install.mjs <file> <place>`.
const [, , file = '', given = ''] = process.argv;
await (await import(file)).default.install?.(JSON.parse(given));
process.send?.({});
process.disconnect?.();
