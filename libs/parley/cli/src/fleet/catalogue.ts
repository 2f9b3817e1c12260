import { z } from 'zod';

const KINDS = ['call', 'command', 'broadcast', 'event'] as const;

/** The answer of `/operations/contracts`: the contracts that a service knows, its handlers of each. */
export const KnownContracts = z.array(
  z.looseObject({
    name: z.string(),
    kind: z.enum(KINDS),
    owner: z.string(),
    version: z.number(),
    key: z.string().optional(),
    handlers: z.array(z.looseObject({ handler: z.string(), subscription: z.string().optional() })),
  }),
);
type KnownContracts = z.infer<typeof KnownContracts>;

type SendersOf = (contract: {
  readonly kind: string;
  readonly owner: string;
  readonly name: string;
}) => readonly string[];

/** A contract with everybody who has to do with it. */
export interface CatalogueEntry {
  readonly name: string;
  readonly kind: (typeof KINDS)[number];
  readonly owner: string;
  /** Of the owner, or the highest where the owner does not answer. */
  readonly version: number;
  readonly key?: string;
  /** Services that may send it. */
  readonly senders: readonly string[];
  readonly handlers: readonly {
    readonly service: string;
    readonly handler: string;
    readonly subscription?: string;
    readonly version: number;
  }[];
}

/**
 * Puts together what each service knows of the contracts.
 * @param sendersOf who may send a contract. Default: its owner tells events and broadcasts; whoever
 *   knows a call or a command may send it
 */
export function catalogueOf(
  replies: readonly { readonly service: string; readonly body: KnownContracts }[],
  sendersOf?: SendersOf,
): readonly CatalogueEntry[] {
  const known = replies.flatMap(({ service, body }) => body.map((one) => ({ ...one, service })));
  const names = [...new Set(known.map(({ name }) => name))].sort();
  return names.map((name) => {
    const all = known.filter((one) => one.name === name);
    const latest = all.reduce((a, b) => (b.version > a.version ? b : a));
    const { kind, owner, key, version } = all.find((one) => one.service === one.owner) ?? latest;
    const isAsked = kind === 'call' || kind === 'command';
    const byDefault = isAsked ? all.map(({ service }) => service) : [owner];
    return {
      ...{ name, kind, owner, version, ...(key !== undefined && { key }) },
      senders: sendersOf?.({ kind, owner, name }) ?? byDefault,
      handlers: all.flatMap((one) =>
        one.handlers.map(({ handler, subscription }) => ({
          ...{ service: one.service, handler, version: one.version },
          ...(subscription !== undefined && { subscription }),
        })),
      ),
    };
  });
}
