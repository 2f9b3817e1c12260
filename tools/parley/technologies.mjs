// What the services say of their technologies, a technology once: several services are connected to
// each.

/**
 * Answers of services, each with its technologies, by technology and address. `list` names what is
 * told of each.
 */
export function byTechnology(answers, list) {
  const found = new Map();
  for (const { service, items } of answers) {
    for (const { technology, address, [list]: told } of items) {
      const id = `${technology} ${address}`;
      const known = found.get(id) ?? { technology, address, services: [], [list]: new Map() };
      known.services.push(service);
      for (const one of told) known[list].set(JSON.stringify(one), one);
      found.set(id, known);
    }
  }
  return [...found.values()]
    .map((known) => ({ ...known, [list]: [...known[list].values()] }))
    .sort((a, b) => a.technology.localeCompare(b.technology));
}
