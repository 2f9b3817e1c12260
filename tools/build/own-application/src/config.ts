/**
 * Of the application's own role: it may neither create schemas nor see other services' messages.
 */
export const databaseUrl = process.env['DATABASE_URL'] ?? '';
/** Of an administrator; only the installation needs it. */
export const adminUrl = process.env['ADMIN_URL'] ?? '';
export const port = Number(process.env['PORT'] ?? 3000);
