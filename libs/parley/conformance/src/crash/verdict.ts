import type { CrashSite, Entry } from './place';
import { KINDS } from './work';

/** The faults in the records; empty if there are none. */
export async function faultsOf(site: CrashSite): Promise<readonly string[]> {
  const [sent, effects, dead] = await Promise.all([site.said(), site.effects(), site.dead()]);
  const faults = [...compare('poison → dead letter', ofKind(sent, 'poison'), dead)];
  for (const [kind, results] of Object.entries(KINDS)) {
    const wanted = ofKind(sent, kind);
    for (const result of results)
      faults.push(
        ...compare(`${kind} → ${result}`, wanted, ofKind(effects, result)),
        ...disorder(result, ofKind(effects, result)),
      );
  }
  return faults;
}

/** Compares the committed messages with their effects: each once, and none that was rolled back. */
function compare(what: string, wanted: readonly Entry[], got: readonly Entry[]): readonly string[] {
  const known = new Set(wanted.map(nameOf));
  const seen = new Set(got.map(nameOf));
  const missing = [...known].filter((name) => !seen.has(name));
  const ghosts = [...seen].filter((name) => !known.has(name));
  return [
    ...listed(`${what}: lost`, missing),
    ...listed(`${what}: never committed, yet there`, ghosts),
    ...listed(`${what}: more than once`, repeated(got.map(nameOf))),
  ];
}

function disorder(kind: string, effects: readonly Entry[]): readonly string[] {
  const last = new Map<string, number>();
  const late: string[] = [];
  for (const { key, n } of effects) {
    if (n < (last.get(key) ?? 0)) late.push(`${key} ${n} after ${last.get(key)}`);
    last.set(key, n);
  }
  return listed(`${kind}: out of order`, late);
}

function repeated(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return [...new Set(names.filter((name) => seen.has(name) || !seen.add(name)))];
}

const SHOWN = 3;
const listed = (what: string, cases: readonly string[]): readonly string[] =>
  cases.length === 0
    ? []
    : [
        `${what}: ${cases.length} (${cases.slice(0, SHOWN).join(', ')}${cases.length > SHOWN ? ' …' : ''})`,
      ];

const ofKind = (entries: readonly Entry[], kind: string): readonly Entry[] =>
  entries.filter((entry) => entry.kind === kind);
const nameOf = ({ key, n }: Entry): string => `${key} ${n}`;
