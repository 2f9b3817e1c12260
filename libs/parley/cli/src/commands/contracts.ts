import { command } from '../command-line/command';
import { catalogueOf, KnownContracts } from '../fleet/catalogue';
import { table } from '../output/table';

export const contracts = command({
  name: 'contracts',
  summary: 'every contract: its kind and owner, who may send it and who handles it',
  options: {},
  notes: 'explain <contract> shows the way of one.',
  async run(_given, { services, surroundings }) {
    const replies = await services.each('/operations/contracts', KnownContracts);
    const rows = catalogueOf(replies, surroundings.sendersOf).map(({ name, ...row }) => ({
      contract: name,
      ...row,
    }));
    const cells = rows.map(({ contract, kind, owner, version, senders, handlers }) => [
      ...[contract, kind, owner, version, senders.join(', ')],
      [...new Set(handlers.map(({ service, subscription }) => subscription ?? service))].join(', '),
    ]);
    const header = ['contract', 'kind', 'owner', 'version', 'sent by', 'handled by'];
    return { json: rows, text: table(header, cells) };
  },
});
