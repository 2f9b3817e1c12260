/** A message, as it is kept. */
export interface MessageRow {
  readonly id: string;
  /** When it was sent, ISO 8601. */
  readonly sent: string;
  readonly contract: string;
  readonly kind: string;
  /** The service that sent it, its instance and its build. */
  readonly source: string;
  readonly instance: string | null;
  readonly build: string | null;
  readonly key: string | null;
  readonly correlation: string | null;
  readonly causation: string | null;
  readonly trace: string | null;
  readonly bytes: number | null;
  /** Further headers. */
  readonly headers: Readonly<Record<string, string>> | null;
  /** Personal and secret fields are masked. Null: it was not sent. */
  readonly body: string | null;
}

/** One handling of a message. */
export interface HandlingRow {
  readonly message: string;
  /** When it ended, ISO 8601. */
  readonly at: string;
  readonly service: string;
  readonly subscription: string;
  readonly instance: string | null;
  readonly build: string | null;
  readonly outcome: string;
  readonly attempt: number;
  readonly tries: number;
  /** Milliseconds that it took, and from its sending to its begin. */
  readonly took: number;
  readonly waited: number;
  /** Class and message of the error, where it failed. */
  readonly error: string | null;
  readonly reason: string | null;
  readonly trace: string | null;
  readonly span: string | null;
}

/** A span of a trace. */
export interface SpanRow {
  readonly trace: string;
  readonly id: string;
  readonly parent: string | null;
  readonly name: string;
  readonly kind: string;
  readonly service: string;
  readonly instance: string | null;
  readonly build: string | null;
  /** Microseconds since the epoch, and that it took. */
  readonly started: number;
  readonly took: number;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly trace: string; readonly span: string }[] | null;
}
