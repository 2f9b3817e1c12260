// Asks the process of this container whether it is `live` or `ready`; the image has no curl. Exits
// 0 or 1.
import http from 'node:http';

const url = `http://127.0.0.1:${process.env.PORT ?? 3000}/health/${process.argv[2] ?? 'live'}`;

const request = http.get(url, { timeout: 2500, agent: false }, (response) => {
  response.resume();
  process.exitCode = response.statusCode === 200 ? 0 : 1;
});
request
  .once('timeout', () => request.destroy(new Error('no answer')))
  .once('error', ({ message }) => {
    console.error(`${url}: ${message}`);
    process.exitCode = 1;
  });
