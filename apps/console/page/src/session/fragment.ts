/**
 * The token in a fragment such as `#token=abc`, and the fragment without it. A browser sends no
 * fragment to a server.
 */
export function tokenIn(fragment: string): { readonly token?: string; readonly rest: string } {
  const values = new URLSearchParams(fragment.replace(/^#/, ''));
  const token = values.get('token');
  if (token === null) return { rest: fragment };
  values.delete('token');
  const rest = String(values);
  return { ...(token !== '' && { token }), rest: rest === '' ? '' : `#${rest}` };
}
