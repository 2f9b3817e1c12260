import type { Reply } from '../fleet/services';

/** The report of a service on one of its technologies. */
interface Part {
  readonly technology: string;
  readonly address: string;
}

/** A technology, with the services that are connected to it. */
export interface Technology<T> extends Part {
  readonly services: readonly string[];
  /** The findings of all services, each once. */
  readonly parts: readonly T[];
}

/** Answers of services by technology and address: several services are connected to each. */
export function byTechnology<P extends Part, T>(
  answers: readonly Reply<readonly P[]>[],
  partsIn: (part: P) => readonly T[],
): readonly Technology<T>[] {
  const found = new Map<string, { part: P; services: Set<string>; parts: Map<string, T> }>();
  for (const { service, body } of answers)
    for (const part of body) {
      const id = `${part.technology} ${part.address}`;
      const known = found.get(id) ?? { part, services: new Set(), parts: new Map() };
      known.services.add(service);
      for (const one of partsIn(part)) known.parts.set(JSON.stringify(one), one);
      found.set(id, known);
    }
  return [...found.values()]
    .map(({ part: { technology, address }, services, parts }) => ({
      ...{ technology, address, services: [...services].sort(), parts: [...parts.values()] },
    }))
    .sort((a, b) => a.technology.localeCompare(b.technology));
}
