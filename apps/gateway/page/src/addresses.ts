/** Ports that npm start gives to other processes, from that of the gateway: as topology.ts says. */
export const CONSOLE_ABOVE = 80;
export const PROVIDER_ABOVE = 90;
/** Instances of one service have ports next to each other. */
const INSTANCES = 10;

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/** Where a process of this machine is; undefined when the shop runs elsewhere, where nobody knows. */
export function neighbour(above: number, { hostname, port }: URL): string | undefined {
  const first = Number(port) - (Number(port) % INSTANCES);
  return LOOPBACK.includes(hostname) && first > 0
    ? `http://${hostname}:${first + above}`
    : undefined;
}
