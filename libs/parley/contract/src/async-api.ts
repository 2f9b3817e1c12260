import type { Kind } from './contract';
import type { ContractSchema, JsonSchema } from './contract-schema';
import { ENVELOPE } from './envelope-schema';

/** An AsyncAPI 3.1 document, as plain data. */
export interface AsyncApi {
  readonly asyncapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly defaultContentType: 'application/json';
  readonly servers?: Readonly<Record<string, JsonSchema>>;
  readonly channels: Readonly<Record<string, JsonSchema>>;
  readonly operations: Readonly<Record<string, JsonSchema>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, JsonSchema>>>>;
}

/** A place that messages pass: a queue, a topic, an exchange. */
export interface AsyncApiChannel {
  /** Its name in the document. */
  readonly id: string;
  /** Missing while no technology is chosen. */
  readonly address?: string;
  readonly description?: string;
  readonly parameters?: JsonSchema;
  readonly bindings?: JsonSchema;
  /** Its key in `servers`. */
  readonly server?: string;
  /** Names of the contracts whose messages pass it. */
  readonly contracts: readonly string[];
  /** More about what the owner does there, such as bindings. */
  readonly operation?: JsonSchema;
}

/** Facts beside the contracts: the servers and channels of their messages, and examples. */
export interface AsyncApiDetails {
  readonly servers?: Readonly<Record<string, JsonSchema>>;
  /** Without them each contract has a channel without an address. */
  readonly channels?: readonly AsyncApiChannel[];
  readonly examples?: (contract: ContractSchema) => readonly JsonSchema[];
}

/**
 * The commands, events and broadcasts of an owner, seen from the owner: it receives its commands,
 * and sends its events and broadcasts. Calls are left out: `openApiOf` has them.
 */
export function asyncApiOf(
  owner: string,
  contracts: readonly ContractSchema[],
  { servers, channels, examples }: AsyncApiDetails = {},
): AsyncApi {
  const own = contracts
    .filter(({ kind }) => kind !== 'call')
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const kinds = new Map(own.map(({ name, kind }) => [name, kind]));
  const places = (channels ?? own.map(withoutAddress)).filter(({ contracts: passing }) =>
    passing.some((name) => kinds.has(name)),
  );
  return {
    asyncapi: '3.1.0',
    info: {
      title: owner,
      version: '1',
      description: `The commands that ${owner} handles, and the events and broadcasts that it sends. A contract never changes what it promises: what would break it gets a new version or a new name.`,
    },
    defaultContentType: 'application/json',
    ...(servers && { servers }),
    channels: Object.fromEntries(places.map((place) => [place.id, channelOf(place)])),
    operations: Object.fromEntries(
      places.map((place) => [`${place.id}.${actionOf(place, kinds)}`, operationOf(place, kinds)]),
    ),
    components: {
      messages: Object.fromEntries(own.map((one) => [one.name, messageOf(one, examples?.(one))])),
      schemas: { Envelope: ENVELOPE },
      correlationIds: {
        conversation: {
          description: 'The same for all messages that follow from one request from the outside.',
          location: '$message.header#/correlationid',
        },
      },
    },
  };
}

const withoutAddress = ({ name }: ContractSchema): AsyncApiChannel => ({
  id: name,
  contracts: [name],
});

const toMessage = (name: string): JsonSchema => ({ $ref: `#/components/messages/${name}` });

function channelOf({
  id,
  address,
  description,
  parameters,
  bindings,
  server,
  contracts,
}: AsyncApiChannel): JsonSchema {
  return {
    address: address ?? null,
    title: id,
    ...(description !== undefined && { description }),
    ...(server !== undefined && { servers: [{ $ref: `#/servers/${server}` }] }),
    messages: Object.fromEntries(contracts.map((name) => [name, toMessage(name)])),
    ...(parameters && { parameters }),
    ...(bindings && { bindings }),
  };
}

const actionOf = ({ contracts }: AsyncApiChannel, kinds: ReadonlyMap<string, Kind>) =>
  contracts.some((name) => kinds.get(name) === 'command') ? 'receive' : 'send';

function operationOf(place: AsyncApiChannel, kinds: ReadonlyMap<string, Kind>): JsonSchema {
  const { id, contracts, operation } = place;
  return {
    action: actionOf(place, kinds),
    channel: { $ref: `#/channels/${id}` },
    messages: contracts.map((name) => ({ $ref: `#/channels/${id}/messages/${name}` })),
    ...operation,
  };
}

const PROMISE: Readonly<Record<Exclude<Kind, 'call'>, string>> = {
  command: 'Stored until it is handled by one handler of the owner.',
  event: 'A fact in a durable log, for every subscription at its own position.',
  broadcast: 'For the instances that listen now; not stored.',
};

function messageOf(contract: ContractSchema, examples?: readonly JsonSchema[]): JsonSchema {
  const { name, kind, version, key, upcasts } = contract;
  const sentences = [
    PROMISE[kind as keyof typeof PROMISE],
    ...(key === undefined
      ? []
      : [`Those of one \`${key}\` are handled in the order they were sent.`]),
    ...(upcasts?.length ? [`Versions ${upcasts.join(', ')} can be read, too.`] : []),
  ];
  return {
    name,
    title: name,
    summary: `${kind}, version ${version}`,
    description: sentences.join(' '),
    contentType: 'application/json',
    headers: { $ref: '#/components/schemas/Envelope' },
    payload: onTheWire(contract),
    correlationId: { $ref: '#/components/correlationIds/conversation' },
    ...(examples && { examples }),
  };
}

/** Personal and secret fields are texts on the wire; foreign programs may write them in plain. */
function onTheWire({ payload, personal, secret }: ContractSchema): JsonSchema {
  const paths = [...Object.keys(personal?.fields ?? {}), ...Object.keys(secret?.fields ?? {})];
  return paths.reduce((schema, path) => withSealed(schema, path.split('.')), payload);
}

const SEALED: JsonSchema = {
  type: 'string',
  pattern: '^sealed:v1:',
  description: 'The value encrypted, for those who may not read it.',
};

function withSealed(schema: JsonSchema, [field = '', ...rest]: readonly string[]): JsonSchema {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>;
  const inner = properties[field];
  if (!inner) return schema;
  const sealed = rest.length > 0 ? withSealed(inner, rest) : { anyOf: [inner, SEALED] };
  return { ...schema, properties: { ...properties, [field]: sealed } };
}
