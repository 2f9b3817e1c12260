import { z } from 'zod';
import { command } from '../command-line/command';
import { byTechnology, type Technology } from './technologies';

const Resource = z.looseObject({
  what: z.string(),
  name: z.string(),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
type Resource = z.infer<typeof Resource>;
const Topology = z.array(
  z.looseObject({
    technology: z.string(),
    address: z.string(),
    resources: z.array(Resource),
  }),
);

export const topology = command({
  name: 'topology',
  summary: 'the queues, topics and streams that must exist, as a manifest in YAML',
  options: {},
  notes: [
    'Services make them when they start. With PARLEY_TOPOLOGY=verify they only look, and refuse to start when one is missing',
    'or different: then this is what somebody else has to make.',
  ].join('\n'),
  async run(_given, { services }) {
    const replies = await services.each('/operations/topology', Topology);
    const technologies = byTechnology(replies, ({ resources }) => resources).map(sorted);
    const { stringify } = await import('yaml');
    return {
      json: technologies.flatMap(rowsOf),
      text: stringify(technologies.map(manifest)).trimEnd(),
    };
  },
});

const sorted = (technology: Technology<Resource>): Technology<Resource> => ({
  ...technology,
  parts: [...technology.parts].sort((a, b) =>
    `${a.what} ${a.name}`.localeCompare(`${b.what} ${b.name}`),
  ),
});

const rowsOf = ({ technology, address, services, parts }: Technology<Resource>) =>
  parts.map(({ what, name, settings }) => ({
    ...{ technology, address, services, type: what, name, settings },
  }));

const manifest = ({ technology, address, services, parts }: Technology<Resource>) => ({
  technology,
  address,
  services,
  resources: parts.map(({ what, name, settings }) => ({ [what]: name, ...settings })),
});
