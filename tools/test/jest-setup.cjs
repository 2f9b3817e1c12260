// Before the tests of a project alone (`nx test orders`): `npm test` has brought a PostgreSQL along
// already.
/** @returns {Promise<void>} */
module.exports = async () => {
  if (process.env.PARLEY_TEST_POSTGRES) return;
  const { useTestPostgres } = await import('../database/test-postgres.mjs');
  const { url, release } = await useTestPostgres();
  process.env.PARLEY_TEST_POSTGRES = url;
  Object.assign(globalThis, { releaseTestPostgres: release });
};
