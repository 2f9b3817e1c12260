import { Logger } from '@nestjs/common';
import { SignJWT } from 'jose';
import { type AccessOptions, OperationsAccess } from './operations-access';
import { IssuerOnTrial, seconds } from './issuer.fixture';

const TOKEN = 'a-token-of-operators';

describe('operators with roles', () => {
  let issuer: IssuerOnTrial;
  beforeAll(async () => void (issuer = await IssuerOnTrial.start()));
  afterAll(() => issuer.close());

  const accessOf = (options: Partial<AccessOptions> = {}) =>
    new OperationsAccess({
      ALLOWED_HOSTS: [],
      OPERATIONS_TOKEN: TOKEN,
      OPERATORS_ISSUER: issuer.settings.name,
      OPERATORS_AUDIENCE: issuer.settings.audience,
      OPERATORS_JWKS_URL: issuer.settings.keys,
      ...options,
    });
  const bearer = (change: Readonly<Record<string, unknown>>) => issuer.bearer('ada', change);
  const admit = (access: OperationsAccess, method: string, authorization?: string, others = {}) =>
    access.admit(method, { host: 'localhost', authorization, ...others });
  const statuses = async (authorization?: string, access = accessOf()) =>
    Promise.all(
      ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].map(
        async (method) => (await admit(access, method, authorization)).refusal?.status ?? 200,
      ),
    );

  it('read as a viewer, and change as an operator', async () => {
    expect(await statuses(await bearer({ roles: ['viewer'] }))).toEqual([200, 200, 403, 403, 403]);
    for (const roles of [['operator'], 'operator', ['viewer', 'operator']])
      expect(await statuses(await bearer({ roles }))).toEqual([200, 200, 200, 200, 200]);
  });

  it.each([undefined, [], 'Operator', ['admin'], { operator: true }, [['operator']], 1])(
    'may do nothing without one of the roles: %j',
    async (roles) => {
      expect(await statuses(await bearer({ roles }))).toEqual([403, 403, 403, 403, 403]);
    },
  );

  it('are unknown with a token that is not good', async () => {
    const good = { roles: ['operator'] };
    const { privateKey } = issuer.pair('ec');
    const wrong = [
      undefined,
      'Bearer garbage',
      `Basic ${TOKEN}`,
      await bearer({ ...good, exp: seconds() - 60 }),
      await bearer({ ...good, aud: 'another-audience' }),
      await bearer({ ...good, iss: 'https://evil.example' }),
      await bearer({ ...good, nonce: 'of an ID token' }),
      `Bearer ${await new SignJWT(issuer.claims('ada', good)).setProtectedHeader({ alg: 'ES256', kid: 'unknown' }).sign(privateKey)}`,
    ];
    for (const authorization of wrong)
      expect(await statuses(authorization)).toEqual([401, 401, 401, 401, 401]);
  });

  it('are named by their token and never by a header', async () => {
    const headers = { 'x-operator': 'eve' };
    const proven = await admit(accessOf(), 'POST', await bearer({ roles: 'operator' }), headers);
    expect(proven).toEqual({ operator: { name: 'ada', role: 'operator', isProven: true } });
    const claimed = await admit(accessOf(), 'POST', `Bearer ${TOKEN}`, headers);
    expect(claimed).toEqual({
      operator: { name: 'eve (claimed)', role: 'operator', isProven: false },
    });
    const nobody = await admit(accessOf(), 'POST', `Bearer ${TOKEN}`);
    expect(nobody).toMatchObject({ operator: { name: 'somebody (claimed)' } });
  });

  it('are named by the claim that was chosen, in one line', async () => {
    const access = accessOf({ OPERATORS_NAME_CLAIM: 'email' });
    const named = async (email: unknown) => {
      const admission = await admit(access, 'GET', await bearer({ roles: 'viewer', email }));
      return admission.refusal === undefined ? admission.operator.name : admission.refusal;
    };
    expect(await named('ada@shop.example')).toBe('ada@shop.example');
    expect(await named('ada\nroot: 1\u0000')).toBe('adaroot: 1');
    expect(await named(['ada'])).toBe('ada'); // its subject
  });

  it.each([
    ['realm_access.roles', { realm_access: { roles: ['operator'] } }],
    ['https://shop.example/roles', { 'https://shop.example/roles': 'operator' }],
    ['groups', { groups: ['staff', 'operator'] }],
  ])('have their roles in the claim %s', async (claim, claims) => {
    const access = accessOf({ OPERATORS_ROLES_CLAIM: claim });
    expect(await statuses(await bearer(claims), access)).toEqual([200, 200, 200, 200, 200]);
    expect(await statuses(await bearer({ roles: 'operator' }), access)).toContain(403);
  });

  it('are the only ones to be let in where there is no token of operations', async () => {
    const access = accessOf({ OPERATIONS_TOKEN: undefined });
    expect(await statuses(undefined, access)).toEqual([401, 401, 401, 401, 401]);
    expect(await statuses(await bearer({ roles: 'viewer' }), access)).toContain(200);
  });

  it('wait while their issuer is away; the token of operations does not', async () => {
    const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
    const access = accessOf({ OPERATORS_JWKS_URL: 'http://127.0.0.1:1/keys' });
    expect(await statuses(await bearer({ roles: 'operator' }), access)).toContain(503);
    expect(await statuses(`Bearer ${TOKEN}`, access)).toEqual([200, 200, 200, 200, 200]);
    expect(warned).toHaveBeenCalled();
    warned.mockRestore();
  });
});
