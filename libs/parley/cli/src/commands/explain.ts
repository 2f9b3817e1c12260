import { z } from 'zod';
import { command } from '../command-line/command';
import { RefusedError } from '../command-line/errors';
import { Contract, drawn, Handler, Route } from './explained';

const Explained = z.looseObject({
  contract: Contract,
  says: Route.optional(),
  handlers: z.array(Handler),
});

export const explain = command({
  name: 'explain',
  summary: 'every hop of a contract, from its senders to its handlers, and why',
  parameters: '<contract>',
  words: [1, 1],
  options: {},
  notes:
    'explain orders.order-placed: every hop with its technology, its queue, channel or partition, and its policies.',
  async run({ words: [name = ''] }, { services, surroundings, paint }) {
    const replies = await services.each(
      `/operations/explain/${encodeURIComponent(name)}`,
      Explained,
    );
    const [first] = replies;
    if (!first) throw new RefusedError(`No service that runs knows a contract ${name}.`);
    const { contract } = first.body;
    const declared = surroundings.sendersOf?.(contract) ?? sendersOf(contract, replies);
    const senders = replies.flatMap(({ service, body: { says } }) =>
      says && declared.includes(service) ? [{ service, ...says }] : [],
    );
    const handlers = replies.flatMap(({ service, body }) =>
      body.handlers.map((handler) => ({ service, ...handler })),
    );
    const explained = { contract, declared, senders, handlers };
    return { json: explained, text: drawn(explained, paint) };
  },
});

/** Its owner publishes and broadcasts; whoever knows a contract may call or send it. */
const sendersOf = (
  { kind, owner }: Contract,
  replies: readonly { readonly service: string }[],
): readonly string[] =>
  kind === 'call' || kind === 'command' ? replies.map(({ service }) => service) : [owner];
