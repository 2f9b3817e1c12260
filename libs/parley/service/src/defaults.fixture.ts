/** Settings of PostgreSQL, as a database or a role may have them. */
export const OTHERWISE = {
  datestyle: `'German, DMY'`,
  timezone: `'Asia/Kathmandu'`,
  intervalstyle: `'sql_standard'`,
  bytea_output: `'escape'`,
  extra_float_digits: `'-15'`,
  default_transaction_isolation: `'serializable'`,
  statement_timeout: `'50ms'`,
  lock_timeout: `'1ms'`,
  idle_in_transaction_session_timeout: `'1ms'`,
  idle_session_timeout: `'500ms'`,
  array_nulls: `'off'`,
  search_path: `'nowhere'`,
  client_encoding: `'LATIN1'`,
  standard_conforming_strings: `'off'`,
};
