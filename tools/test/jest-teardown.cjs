module.exports = async () => globalThis.releaseTestPostgres?.();
