// Asks the process of this container whether it is `live` or `ready`; the image has no curl. Exits
// 0 or 1.
import http from 'node:http';

const { HOST, PORT = 3000 } = process.env;
/** A service at `::` takes IPv4, too. */
const host = !HOST || HOST === '::' || HOST === '0.0.0.0' ? '127.0.0.1' : HOST;
const path = `/health/${process.argv[2] ?? 'live'}`;

const request = http.get({ host, port: PORT, path, timeout: 2500, agent: false }, (response) => {
  response.resume();
  process.exitCode = response.statusCode === 200 ? 0 : 1;
});
request
  .once('timeout', () => request.destroy(new Error('no answer')))
  .once('error', ({ message }) => {
    console.error(`${path} of ${host}, port ${PORT}: ${message}`);
    process.exitCode = 1;
  });
