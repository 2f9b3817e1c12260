import { EnvironmentError, readEnvironment } from '@parley/service';
import { authenticationIn, issuerOf } from './config';

const whole = {
  AUTH_ISSUER: 'https://login.example',
  AUTH_AUDIENCE: 'the-shop',
  AUTH_JWKS_URL: 'https://login.example/keys',
  OPERATIONS_PORT: '9000',
};
const read = (variables: Record<string, string>) =>
  issuerOf(readEnvironment(variables, authenticationIn(variables)) as never);

function problemsOf(variables: Record<string, string>): string[] {
  try {
    read(variables);
  } catch (error) {
    if (error instanceof EnvironmentError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('the settings of authentication', () => {
  it('are none, or all three', () => {
    expect([read({}), read({ AUTH_ISSUER: '', AUTH_AUDIENCE: '', AUTH_JWKS_URL: '' })]).toEqual([
      undefined,
      undefined,
    ]);
    expect(read(whole)).toEqual({
      name: 'https://login.example',
      audience: 'the-shop',
      keys: 'https://login.example/keys',
    });
  });

  it.each([
    [
      'AUTH_AUDIENCE',
      'AUTH_AUDIENCE is not set (what tokens must be meant for, as their aud says it); set it in the environment',
    ],
    [
      'AUTH_JWKS_URL',
      "AUTH_JWKS_URL is not set (where the issuer's public keys are: jwks_uri of its /.well-known/openid-configuration); set it in the environment",
    ],
  ])('are refused without %s', (name, problem) => {
    expect(problemsOf({ ...whole, [name]: '' })).toEqual([problem]);
  });

  it('are refused where operations would be open to the customers', () => {
    expect(problemsOf({ ...whole, OPERATIONS_PORT: '' })).toEqual([
      expect.stringMatching(
        /^AUTH_ISSUER is "https:\/\/login.example", but needs OPERATIONS_PORT beside it: /,
      ),
    ]);
  });

  it('are refused without an issuer', () => {
    expect(problemsOf({ ...whole, AUTH_ISSUER: '' })).toEqual([
      expect.stringMatching(
        /^AUTH_AUDIENCE is "the-shop", but must come with AUTH_ISSUER; without it the edge knows no customers \(/,
      ),
      expect.stringMatching(
        /^AUTH_JWKS_URL is "https:\/\/login.example\/keys", but must come with AUTH_ISSUER; /,
      ),
    ]);
  });

  it.each([
    ['AUTH_ISSUER', 'login.example', 'must be a URL such as https://login.example'],
    ['AUTH_ISSUER', 'ftp://login.example', 'must be a URL such as https://login.example'],
    [
      'AUTH_JWKS_URL',
      '/keys',
      'must be a URL such as https://login.example/keys; http only on this machine',
    ],
    [
      'AUTH_JWKS_URL',
      'http://login.example/keys',
      'must be a URL such as https://login.example/keys; http only on this machine',
    ],
    [
      'AUTH_JWKS_URL',
      'http://127.0.0.1@login.example/keys',
      'must be a URL such as https://login.example/keys; http only on this machine',
    ],
    [
      'AUTH_JWKS_URL',
      'https://',
      'must be a URL such as https://login.example/keys; http only on this machine',
    ],
  ])('are refused where %s is %s', (name, value, problem) => {
    expect(problemsOf({ ...whole, [name]: value })).toEqual([
      expect.stringContaining(`${name} is "${value}", but ${problem} (`),
    ]);
  });

  it.each(['http://127.0.0.1:8080/keys', 'http://localhost/keys', 'http://[::1]:1'])(
    'may name keys on this machine: %s',
    (keys) => {
      expect(read({ ...whole, AUTH_JWKS_URL: keys })?.keys).toBe(keys);
    },
  );
});
