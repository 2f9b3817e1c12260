// GET /health/ready says whether a process may be given work.
import http from 'node:http';

/**
 * @param {string} url
 * @param {number} [timeout]
 * @returns {Promise<boolean>}
 */
export function isReady(url, timeout = 2000) {
  return new Promise((resolve) => {
    const request = http.get(`${url}/health/ready`, { timeout, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('error', () => resolve(false)).once('timeout', () => request.destroy());
  });
}
