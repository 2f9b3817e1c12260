/** A package that this service needs is not there; the message has the command that installs it. */
export class NotInstalledError extends Error {
  override readonly name = 'NotInstalledError';
}

/**
 * Loads a package that an application installs only when it needs it.
 * @param needed what is in the package, with its verb: `commands are`
 * @throws NotInstalledError
 */
export async function installed<T>(
  name: string,
  needed: string,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error, name)) throw error;
    throw new NotInstalledError(
      `${needed} in the package ${name}, which is not installed; run npm install ${name}`,
      { cause: error },
    );
  }
}

/** False when it is there, and something that it needs is not. */
const isMissing = (error: unknown, name: string): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  'message' in error &&
  (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND') &&
  String(error.message).includes(`'${name}'`);
