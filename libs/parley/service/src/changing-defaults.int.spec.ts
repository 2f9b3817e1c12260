import { eventually } from '@parley/conformance';
import { OTHERWISE } from './defaults.fixture';
import { GuestbookOnTrial } from './guestbook-process.fixture';

jest.setTimeout(60_000);

it.each(['database', 'role'])(
  'defaults that change under a running service change nothing, nor does going back (%s)',
  async (whose) => {
    const guestbook = await GuestbookOnTrial.start();
    try {
      const comes = async (name: string) => {
        await eventually(
          async () => (await guestbook.post(name)).status === 201,
          `${name} to be taken`,
        );
        await eventually(
          async () => (await guestbook.writtenBy(name)).join() === 'command,event,route',
          `${name} to be handled`,
          20_000,
        );
        expect(await guestbook.post(`${name}/by-call`)).toMatchObject({ status: 201 });
      };
      for (const [name, value] of Object.entries(OTHERWISE))
        await guestbook.admin.query(`alter ${whose} ${guestbook.name} set ${name} = ${value}`);
      await guestbook.endSessions();
      await comes('Zoë');
      await guestbook.admin.query(`alter ${whose} ${guestbook.name} reset all`);
      await guestbook.endSessions();
      await comes('Ada');
      expect(guestbook.said('error', 'fatal')).toEqual([]);
    } finally {
      await guestbook.stop();
    }
  },
);
