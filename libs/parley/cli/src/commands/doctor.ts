import { z } from 'zod';
import { command } from '../command-line/command';
import type { Colour, Paint } from '../output/colours';
import { byTechnology, type Technology } from './technologies';

const Finding = z.looseObject({
  what: z.string(),
  verdict: z.enum(['safe', 'unsafe', 'unknown']),
  says: z.string(),
});
type Finding = z.infer<typeof Finding>;
const Durability = z.array(
  z.looseObject({ technology: z.string(), address: z.string(), findings: z.array(Finding) }),
);

const SHOWN: Readonly<Record<Finding['verdict'], readonly [Colour, mark: string]>> = {
  safe: ['green', '✓'],
  unsafe: ['red', '✗'],
  unknown: ['yellow', '?'],
};

export const doctor = command({
  name: 'doctor',
  summary: 'checks whether confirmed messages would survive a crash of their technology',
  options: {},
  notes: [
    "It looks at each technology's settings on which the durability of messages depends, through the services that are connected",
    'to it, and says what is unsafe and what to set. The exit code is 1 when something is.',
  ].join('\n'),
  async run(_given, { services, paint }) {
    const replies = await services.each('/operations/doctor', Durability);
    const technologies = byTechnology(replies, ({ findings }) => findings);
    const rows = technologies.flatMap(rowsOf);
    const unsafe = rows.filter(({ verdict }) => verdict === 'unsafe').length;
    const sum = unsafe === 0 ? 'Nothing unsafe was found.' : paint('red', `${unsafe} unsafe.`);
    const text = [...technologies.map((one) => described(one, paint)), sum].join('\n');
    return { json: rows, text, isWell: unsafe === 0 };
  },
});

const rowsOf = ({ technology, address, services, parts }: Technology<Finding>) =>
  parts.map(({ what, verdict, says }) => ({
    ...{ technology, address, services, setting: what, verdict, explanation: says },
  }));

function described(
  { technology, address, services, parts }: Technology<Finding>,
  paint: Paint,
): string {
  const lines = parts.map(({ what, verdict, says }) => {
    const [colour, mark] = SHOWN[verdict];
    return `  ${paint(colour, mark)} ${what}\n    ${says}`;
  });
  return [
    `${paint('cyan', technology)} at ${address}, used by ${services.join(', ')}`,
    ...(lines.length > 0 ? lines : ['  nothing to look at']),
    '',
  ].join('\n');
}
