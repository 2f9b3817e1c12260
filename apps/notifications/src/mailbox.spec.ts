import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mailOfShipment, type Mail } from './mail';
import { mailboxAt } from './mailbox';

const FROM = 'Parley Shop <orders@parley.example>';
const customer = {
  name: 'Zoë Müller',
  email: 'zoe@example.com',
  address: { line1: 'Am Markt 1', city: 'Jena', postcode: '07743', country: 'DE' },
};
const mail: Mail = mailOfShipment({
  orderId: '018f7f0e-0000-7000-8000-0000000abcde',
  customer,
  total: 990,
  trackingNumber: 'PL641133658579',
});

describe('a mailbox that is a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mail-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const put = (sent: Mail, path = folder) => mailboxAt(pathToFileURL(path).href, FROM).put(sent);
  const read = async (path = folder) => readFile(join(path, `${mail.orderId}.eml`), 'latin1');

  it('keeps a mail as a file any mail program opens', async () => {
    await put(mail, join(folder, 'deep'));
    const eml = await read(join(folder, 'deep'));
    for (const header of [
      /^Message-ID: <018f7f0e-[-0-9a-f]+@parley.example>\r$/m,
      /^To: =\?UTF-8\?.* <zoe@example.com>\r$/m,
      /^From: .*<orders@parley.example>\r$/m,
    ]) {
      expect(eml).toMatch(header);
    }
    expect(eml).toContain('multipart/alternative');
    expect(eml).toContain('PL641133658579');
  });

  it('keeps mails from the other users of the machine', async () => {
    await put(mail, join(folder, 'deep'));
    const modes = await Promise.all(
      [join(folder, 'deep'), join(folder, 'deep', `${mail.orderId}.eml`)].map(
        async (path) => (await stat(path)).mode & 0o777,
      ),
    );
    expect(modes).toEqual([0o700, 0o600]);
  });

  it('writes a mail that is sent again over the first, and leaves nothing else behind', async () => {
    await put(mail);
    await put({ ...mail, subject: 'Again' });
    expect(await read()).toContain('Subject: Again');
    expect(await readdir(folder)).toEqual([`${mail.orderId}.eml`]);
  });

  it('lets no line break of a customer become a header', async () => {
    await put({
      ...mail,
      to: { name: 'Zoë\r\nBcc: eve@example.com', address: 'zoe@example.com' },
      subject: 'Hi\r\nX-Evil: yes',
    });
    expect(await read()).not.toMatch(/^(Bcc|X-Evil):/m);
  });

  it('sweeps out what a killed process left half written long ago', async () => {
    for (const name of ['old.eml.1.part', 'young.eml.2.part', 'whole.eml'])
      await writeFile(join(folder, name), '');
    const longAgo = new Date(Date.now() - 3_600_000);
    for (const name of ['old.eml.1.part', 'whole.eml'])
      await utimes(join(folder, name), longAgo, longAgo);
    await put(mail);
    expect((await readdir(folder)).sort()).toEqual([
      `${mail.orderId}.eml`,
      'whole.eml',
      'young.eml.2.part',
    ]);
  });

  it('says so when it cannot write, and writes as soon as it can', async () => {
    const path = join(folder, 'taken');
    const mailbox = mailboxAt(pathToFileURL(path).href, FROM);
    await writeFile(path, '');
    await expect(mailbox.put(mail)).rejects.toThrow('EEXIST');
    await rm(path);
    await mailbox.put(mail);
    expect(await readdir(path)).toHaveLength(1);
  });
});

describe('a mailbox that is a mail server', () => {
  let server: Server;
  let received: string[];
  /** The first line of the client that is not answered, nor anything after it. */
  let silentFrom: RegExp | undefined;
  const port = () => (server.address() as AddressInfo).port;

  /** As much of SMTP as a client needs. */
  beforeEach(async () => {
    received = [];
    silentFrom = undefined;
    server = createServer((socket) => {
      let data: string | undefined;
      let isSilent = silentFrom?.test('connect') ?? false;
      const say = (line: string) => isSilent || socket.write(`${line}\r\n`);
      say('220 ready');
      socket
        .on('error', () => undefined)
        .on('data', (chunk) => {
          if (data !== undefined) {
            data += chunk.toString('latin1');
            if (!data.endsWith('\r\n.\r\n')) return;
            received.push(data);
            data = undefined;
            return void say('250 taken');
          }
          for (const command of chunk.toString('latin1').split('\r\n').filter(Boolean)) {
            isSilent ||= silentFrom?.test(command) ?? false;
            if (command.startsWith('DATA')) data = '';
            say(
              command.startsWith('DATA')
                ? '354 go on'
                : command.startsWith('QUIT')
                  ? '221 bye'
                  : '250 ok',
            );
          }
        });
    });
    await new Promise<void>((listening) => server.listen(0, '::', listening));
  });
  afterEach(() => new Promise((closed) => server.close(closed)));

  it('hands mails over, under their own Message-ID', async () => {
    const mailbox = mailboxAt(`smtp://127.0.0.1:${port()}`, FROM);
    await mailbox.put(mail);
    mailbox.close();
    expect(received).toHaveLength(1);
    expect(received[0]).toContain(`Message-ID: ${mail.messageId}`);
  });

  it('may have an IPv6 address', async () => {
    const mailbox = mailboxAt(`smtp://[::1]:${port()}`, FROM);
    await mailbox.put(mail);
    mailbox.close();
    expect(received).toHaveLength(1);
  });

  it.each([
    ['before its greeting', /^connect$/, /Greeting never received|Timeout/],
    ['after it', /^EHLO/, 'Timeout'],
    ['when the text of the mail begins', /^DATA/, 'Timeout'],
  ])('is given up when it falls silent %s, and has the next mail', async (_, from, why) => {
    silentFrom = from;
    const mailbox = mailboxAt(`smtp://127.0.0.1:${port()}`, FROM, 200);
    await expect(mailbox.put(mail)).rejects.toThrow(why);
    silentFrom = undefined;
    await mailbox.put(mail);
    mailbox.close();
    expect(received).toHaveLength(1);
  });

  it('says so when nobody answers there', async () => {
    const mailbox = mailboxAt('smtp://127.0.0.1:1', FROM);
    await expect(mailbox.put(mail)).rejects.toThrow('ECONNREFUSED');
    mailbox.close();
  });
});

describe('MAIL_URL', () => {
  it.each(['', '/tmp', 'http://mail', 'imap://user:secret@host'])(
    'is refused when it is "%s", without showing a password',
    (url) => {
      expect(() => mailboxAt(url, FROM)).toThrow('use file:/folder, smtp://host:port');
      expect(() => mailboxAt(url, FROM)).not.toThrow('secret');
    },
  );
});
