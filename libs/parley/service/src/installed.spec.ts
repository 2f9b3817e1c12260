import { installed, NotInstalledError } from './installed';

const ABSENT: string = '@parley/nothing';

describe('a package that is needed', () => {
  it('is loaded', async () => {
    expect(await installed('node:path', 'paths are', () => import('node:path'))).toHaveProperty(
      'join',
    );
  });

  it('is named with the command that installs it', async () => {
    const loading = installed(ABSENT, 'COMMANDS_URL: nothing is', () => import(ABSENT));
    await expect(loading).rejects.toThrow(NotInstalledError);
    await expect(loading).rejects.toThrow(
      'COMMANDS_URL: nothing is in the package @parley/nothing, which is not installed; run npm install @parley/nothing',
    );
  });

  it('fails as itself where something is missing that it needs in turn', async () => {
    const loading = installed('@parley/something', 'it is', () => import(ABSENT));
    await expect(loading).rejects.not.toThrow(NotInstalledError);
    await expect(loading).rejects.toThrow("Cannot find module '@parley/nothing'");
  });
});
