// The parts of a browser that a log-in needs: cookies, redirections and forms.

const REDIRECTIONS = 12;

/** @typedef {{ url: string, status: number, text: string }} Page */

export class Browser {
  /** @type {Map<string, string>} */
  #cookies = new Map();

  /**
   * Confirms a device's code, and logs in.
   * @param {string} url
   * @param {string} code
   * @param {string} name
   * @param {string} password
   * @returns {Promise<number>} the status of the last page
   */
  async logIn(url, code, name, password) {
    const confirming = await this.#open(url);
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(confirming.text)?.[1] ?? '';
    const form = { xsrf, user_code: code, confirm: 'yes' };
    const asking = await this.#open(confirming.url, form);
    const { status } = await this.#open(asking.url, { name, password });
    return status;
  }

  /**
   * @param {string} url
   * @param {Record<string, string>} [form] sent by POST
   * @returns {Promise<Page>}
   */
  async #open(url, form) {
    let next = { url, form };
    for (let n = 0; n < REDIRECTIONS; n++) {
      const response = await this.#ask(next.url, next.form);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || !location)
        return { url: next.url, status: response.status, text: await response.text() };
      await response.body?.cancel();
      next = { url: new URL(location, next.url).href, form: undefined };
    }
    throw new Error(`${url} leads in circles`);
  }

  /**
   * @param {string} url
   * @param {Record<string, string>} [form]
   */
  async #ask(url, form) {
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      body: form && new URLSearchParams(form),
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map((pair) => pair.join('=')).join('; ') },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      const at = pair.indexOf('=');
      this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }
}
