import { userInfo } from 'node:os';

/** The environment of the command line. */
export interface Environment {
  /** URLs of operations, separated by commas. */
  readonly urls: readonly string[];
  /** URL of a console through which the instances are asked. */
  readonly consoleUrl?: string;
  readonly token?: string;
  /** The operator's name, for logs and the audit. */
  readonly operator: string;
  readonly editor?: string;
  /** URL of an administrator of a database, for `install`. */
  readonly installUrl?: string;
  readonly noColour: boolean;
}

/** An empty variable counts as missing. */
export function environmentOf(variables: NodeJS.ProcessEnv = process.env): Environment {
  const { PARLEY_URL, CONSOLE_URL, PARLEY_TOKEN, OPERATIONS_TOKEN, PARLEY_OPERATOR } = variables;
  const { VISUAL, EDITOR, INSTALL_URL, NO_COLOR } = variables;
  return {
    urls: listOf(PARLEY_URL ?? ''),
    consoleUrl: CONSOLE_URL || undefined,
    token: PARLEY_TOKEN || OPERATIONS_TOKEN || undefined,
    operator: PARLEY_OPERATOR || login(),
    editor: VISUAL || EDITOR || undefined,
    installUrl: INSTALL_URL || undefined,
    noColour: NO_COLOR !== undefined && NO_COLOR !== '',
  };
}

const listOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');

/** In a container, a user id may have no name. */
function login(): string {
  try {
    return userInfo().username;
  } catch {
    return 'somebody';
  }
}
