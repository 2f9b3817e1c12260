import { contractNamed, type Contract, type Kind } from '@parley/contract';
import type {
  CallTransportOptions,
  Technology,
  Transport,
  TransportContext,
} from '../ports/transport';
import type { CallTransport } from '../ports/call-transport';

/**
 * One URL a kind; the scheme chooses the technology. A kind without a URL can be neither sent nor
 * handled.
 */
export interface Urls {
  readonly commands?: string;
  readonly broadcasts?: string;
  readonly events?: string;
  /** Where the owner of a call answers. */
  readonly calls?: (owner: string) => string;
  /**
   * By wire name: URLs of contracts that another technology carries than the rest of their kind.
   * Sender and receivers need the same URL.
   */
  readonly contracts?: Readonly<Record<string, string>>;
}

/** A URL that no technology of this process can serve. */
export class UnknownTechnologyError extends Error {
  override readonly name = 'UnknownTechnologyError';
}

/** A URL that its technology cannot read, or that asks for a feature that the technology lacks. */
export class UnusableUrlError extends Error {
  override readonly name = 'UnusableUrlError';
  constructor(variable: string, cause: unknown) {
    super(`${variable}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Adds the name of the variable that holds a URL to the technology's error.
 * @throws UnusableUrlError
 */
export function explainingUrlErrors<T>(variable: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw new UnusableUrlError(variable, error);
  }
}

export const STORED_KINDS = ['command', 'broadcast', 'event'] as const;

/**
 * The variable that holds the URL of a kind, or of one contract:
 * `BROADCASTS_URL_SHIPPING_PARCEL_MOVED`.
 */
export const urlVariable = (kind: Kind, contract?: string): string =>
  `${kind.toUpperCase()}S_URL${contract === undefined ? '' : `_${contract.toUpperCase().replace(/[.-]/g, '_')}`}`;

/**
 * The transport of each contract: one a kind, and others for contracts with a URL of their own. A
 * URL has one transport.
 */
export class Routes {
  private readonly transports = new Map<string, Transport>();
  private readonly byKind = new Map<Kind, Transport>();
  private readonly byContract = new Map<string, Transport>();

  /** @throws UnknownTechnologyError, UnusableUrlError, ContractError */
  constructor(
    urls: Urls,
    private readonly technologies: readonly Technology[],
    private readonly context: TransportContext,
  ) {
    for (const kind of STORED_KINDS) {
      const url = urls[`${kind}s`];
      if (url !== undefined) this.byKind.set(kind, this.transport(kind, url, urlVariable(kind)));
    }
    for (const [name, url] of Object.entries(urls.contracts ?? {})) {
      const { kind } = contractNamed(name);
      this.byContract.set(name, this.transport(kind, url, urlVariable(kind, name)));
    }
  }

  of(contract: Contract): Transport | undefined {
    return this.byContract.get(contract.name) ?? this.byKind.get(contract.kind);
  }

  ofKind(kind: Kind): Transport | undefined {
    return this.byKind.get(kind);
  }

  /** Every transport that carries something of a kind. */
  carrying(kind: Kind): readonly Transport[] {
    const own = [...this.byContract]
      .filter(([name]) => contractNamed(name).kind === kind)
      .map(([, transport]) => transport);
    const usual = this.byKind.get(kind);
    return [...new Set(usual ? [usual, ...own] : own)];
  }

  all(): readonly Transport[] {
    return [...this.transports.values()];
  }

  /** @throws UnknownTechnologyError, UnusableUrlError */
  calls(
    urlOf: (owner: string) => string,
    listen: CallTransportOptions['listen'],
  ): CallTransport | undefined {
    const technology = this.technology('call', urlOf(this.context.service), urlVariable('call'));
    return explainingUrlErrors(urlVariable('call'), () =>
      technology.openCalls?.({ urlOf, listen }, this.context),
    );
  }

  private transport(kind: Kind, url: string, variable: string): Transport {
    const technology = this.technology(kind, url, variable);
    const transport =
      this.transports.get(url) ??
      explainingUrlErrors(variable, () => technology.open?.(url, this.context));
    if (!transport)
      throw new UnknownTechnologyError(`${variable}: ${technology.name} carries no ${kind}s`);
    this.transports.set(url, transport);
    return transport;
  }

  private technology(kind: Kind, url: string, variable: string): Technology {
    const scheme = /^([a-z][a-z0-9+.-]*):/.exec(url)?.[1];
    const found = this.technologies.find(
      ({ schemes }) => scheme !== undefined && schemes.includes(scheme),
    );
    const known = this.technologies
      .filter(({ kinds }) => kinds.includes(kind))
      .flatMap(({ schemes }) => schemes.map((name) => `${name}://`));
    if (!found)
      throw new UnknownTechnologyError(
        `${variable}: "${scheme ?? ''}" names no technology; use one of ${known.join(', ')}`,
      );
    // Only the technologies of this process are listed, which need not be all that exist.
    if (!found.kinds.includes(kind))
      throw new UnknownTechnologyError(
        `${variable}: ${found.name} cannot carry ${kind}s; use ${[...known, 'another technology that can'].join(' or ')}`,
      );
    return found;
  }
}
