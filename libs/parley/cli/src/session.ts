import type { Given } from './command-line/given';
import { RefusedError, UsageError } from './command-line/errors';
import type { Environment } from './config';
import { fleetAt, type Place, placeBehind, placeOf } from './fleet/connect';
import { Services } from './fleet/services';
import { type Paint, painter } from './output/colours';
import type { Terminal } from './output/terminal';

/** Defaults of the place in which the command line runs, for instance a repository of services. */
export interface Surroundings {
  /** How the command line is called: `npm run parley --`. Default: `parley`. */
  readonly program?: string;
  /** Where the services are when nobody says so; undefined when they do not run. */
  readonly place?: () => Place | undefined;
  /** Advice for services that do not run. */
  readonly notRunning?: string;
  /** Names of the services that may send a contract. Default: as its kind allows. */
  readonly sendersOf?: (contract: {
    readonly kind: string;
    readonly owner: string;
    readonly name: string;
  }) => readonly string[];
}

const NO_CONSOLE =
  'Messages are kept by the console, and none is known: give its address by CONSOLE_URL.';
const NO_PLACE =
  'No instance is known: give its operations by --url http://127.0.0.1:4101 (repeated for more), or by PARLEY_URL.';

/** One call of the command line. */
export class Session {
  readonly paint: Paint;
  readonly program: string;
  private asked?: Services;

  constructor(
    readonly terminal: Terminal,
    readonly environment: Environment,
    readonly surroundings: Surroundings,
  ) {
    this.paint = painter(terminal.hasColours);
    this.program = surroundings.program ?? 'parley';
  }

  /** The services that `--url`, the environment or the surroundings name. */
  async connect(given: Given<string>): Promise<void> {
    const operator = given.text('as') ?? this.environment.operator;
    this.asked = new Services(fleetAt(await this.placeFor(given)), operator);
  }

  /** @throws when the command said that it asks no service */
  get services(): Services {
    if (!this.asked) throw new Error('this command asks no service');
    return this.asked;
  }

  /**
   * The console itself.
   * @throws {RefusedError} when none is known
   */
  get consoles(): Services {
    const { consoleUrl } = this.environment;
    const known = this.services.fleet.addresses['console'];
    const urls = consoleUrl === undefined ? known : [consoleUrl];
    if (!urls || urls.length === 0) throw new RefusedError(NO_CONSOLE);
    return this.services.among({ console: urls });
  }

  /** Sentences about services that did not answer. */
  get unanswered(): readonly string[] {
    return this.asked?.unanswered ?? [];
  }

  private async placeFor(given: Given<string>): Promise<Place> {
    const { environment, surroundings } = this;
    const token = given.text('token') ?? environment.token;
    const urls = given.list('url').length > 0 ? given.list('url') : environment.urls;
    if (urls.length > 0) return placeOf(urls, token);
    if (environment.consoleUrl !== undefined) return placeBehind(environment.consoleUrl, token);
    const place = surroundings.place?.();
    if (place) return { ...place, token: token ?? place.token };
    if (surroundings.notRunning !== undefined) throw new RefusedError(surroundings.notRunning);
    throw new UsageError(NO_PLACE);
  }
}
