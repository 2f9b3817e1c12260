/** The kinds that a technology keeps until they are handled. */
export const KEPT_KINDS = ['command', 'event'] as const;
type KeptKind = (typeof KEPT_KINDS)[number];

/** The technology that carries a kind for a service. */
export interface Carrier {
  readonly kind: KeptKind;
  readonly technology: string;
  /** Without credentials. */
  readonly address: string;
}

export interface FormerCarrier extends Carrier {
  /** The first start with this technology. */
  readonly since: Date;
}

/** Messages that wait in the service's own database. */
export interface Unread {
  readonly kind: KeptKind;
  readonly subscription: string;
  readonly messages: number;
}

/** Remembers the technologies that carried a service's messages at its last start. */
export interface Carriers {
  /** Remembers today's carriers; resolves to the former ones that differ. */
  note(carriers: readonly Carrier[]): Promise<readonly FormerCarrier[]>;
  /**
   * Messages for this service in the database of the store, by subscription; those without any are
   * left out.
   */
  unread(): Promise<readonly Unread[]>;
}
