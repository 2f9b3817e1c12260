// The page of the identity provider for development that asks for name and password.

/** @import { IncomingMessage } from 'node:http' */

const FORM_LIMIT = 4_096;

/** @param {boolean} isWrong */
export const loginPage = (isWrong) => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Log in</title>
<style>body{font:16px system-ui;max-width:20em;margin:4em auto}input,button{font:inherit;display:block;width:100%;margin:.5em 0}</style>
<h1>Log in</h1>
<p>${isWrong ? 'That name and password do not fit here.' : 'With a name and password that npm start printed.'}</p>
<form method="post">
<input name="name" placeholder="name" autocomplete="username" autofocus required>
<input name="password" type="password" placeholder="password" autocomplete="current-password" required>
<button>Log in</button>
</form></html>`;

/**
 * @param {IncomingMessage} request
 * @returns {Promise<URLSearchParams>}
 */
export async function readForm(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > FORM_LIMIT) throw new Error('the form is too long');
  }
  return new URLSearchParams(text);
}
