/** @type {typeof globalThis & { releaseTestPostgres?: () => Promise<void> }} */
const shared = globalThis;
module.exports = async () => shared.releaseTestPostgres?.();
