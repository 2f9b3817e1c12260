/** A place that messages pass: a queue, a channel, a partition. */
export interface Hop {
  /** `queue` */
  readonly what: string;
  readonly name: string;
  readonly why: string;
}

/** Something that exists at the technology: a queue, a topic, a stream. */
export interface Resource {
  /** `queue` */
  readonly what: string;
  readonly name: string;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

/** The state of one setting on which the durability of messages depends. */
export interface Finding {
  /** The setting and its value: `appendfsync everysec`. */
  readonly what: string;
  readonly verdict: 'safe' | 'unsafe' | 'unknown';
  /** Its meaning for messages; if it is unsafe, the value to set. */
  readonly says: string;
}
