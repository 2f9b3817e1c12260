import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTransport, type SendMailOptions } from 'nodemailer';
import { socketHost } from '@parley/messaging/transport';
import type { Mail } from './mail';

/** Delivers mails to a folder or a mail server. */
export abstract class Mailbox {
  /**
   * Resolves when the folder or server has accepted the mail. After a crash, may be called again
   * for the same mail: a file is overwritten, a mail server gets the mail a second time under the
   * same Message-ID.
   */
  abstract put(mail: Mail): Promise<void>;
  close(): void {}
}

/** MAIL_URL names nothing that carries mails. */
class MailUrlError extends Error {
  override readonly name = 'MailUrlError';
  constructor(url: string) {
    super(
      `MAIL_URL is "${url.replace(/\/\/[^@/]*@/, '//***@')}"; use file:/folder, smtp://host:port or smtps://user:password@host`,
    );
  }
}

/** Milliseconds until a mail server that does not answer is given up. */
const SMTP_SILENCE_MS = 10_000;

/**
 * @param url `file:/folder`: a file a mail; `smtp://…`, `smtps://…`: a mail server
 * @param silenceMs milliseconds for each answer of a mail server, 10 s by default
 * @throws MailUrlError
 */
export function mailboxAt(url: string, from: string, silenceMs = SMTP_SILENCE_MS): Mailbox {
  const { protocol } = URL.canParse(url) ? new URL(url) : { protocol: '' };
  if (protocol === 'file:') return new Folder(fileURLToPath(url), from);
  if (protocol === 'smtp:' || protocol === 'smtps:') return new MailServer(url, from, silenceMs);
  throw new MailUrlError(url);
}

const asSent = (from: string, { messageId, to, subject, text, html }: Mail): SendMailOptions => ({
  from,
  messageId,
  to,
  subject,
  text,
  html,
});

const HALF = '.part';
const YOUNG_MS = 60_000;

/** A folder of .eml files, which any mail program opens. */
class Folder extends Mailbox {
  private readonly composer = createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'windows',
  });
  private ready?: Promise<void>;

  constructor(
    private readonly path: string,
    private readonly from: string,
  ) {
    super();
  }

  async put(mail: Mail): Promise<void> {
    await this.open();
    const { message } = await this.composer.sendMail(asSent(this.from, mail));
    await this.write(join(this.path, `${mail.orderId}.eml`), message as Buffer);
  }

  private open(): Promise<void> {
    return (this.ready ??= this.prepare().catch((error) => {
      this.ready = undefined; // the next mail tries again
      throw error;
    }));
  }

  /**
   * Makes the folder and removes half-written files of killed processes. Young ones are left:
   * another process may be writing them.
   */
  private async prepare(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const files = (await readdir(this.path))
      .filter((name) => name.endsWith(HALF))
      .map((name) => join(this.path, name));
    const timeOfDay = Date.now();
    for (const file of files) {
      const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Infinity }));
      if (timeOfDay - mtimeMs > YOUNG_MS) await rm(file, { force: true });
    }
  }

  /** Writes to a temporary file and renames it: a mail is never read half-written. */
  private async write(file: string, message: Buffer): Promise<void> {
    const aside = `${file}.${randomUUID()}${HALF}`;
    try {
      await writeFile(aside, message, { flush: true, mode: 0o600 });
      await rename(aside, file);
    } catch (error) {
      await rm(aside, { force: true }).catch(() => undefined);
      this.ready = undefined; // someone may have taken the folder away
      throw error;
    }
  }
}

class MailServer extends Mailbox {
  private readonly transport;

  constructor(
    url: string,
    private readonly from: string,
    silenceMs: number,
  ) {
    super();
    const { hostname, port, protocol, username, password } = new URL(url);
    const secure = protocol === 'smtps:';
    this.transport = createTransport({
      host: socketHost(hostname),
      port: port === '' ? (secure ? 465 : 25) : Number(port),
      secure,
      auth:
        username === ''
          ? undefined
          : { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
      pool: true,
      connectionTimeout: silenceMs,
      greetingTimeout: silenceMs,
      socketTimeout: silenceMs,
    });
  }

  async put(mail: Mail): Promise<void> {
    await this.transport.sendMail(asSent(this.from, mail));
  }

  override close(): void {
    this.transport.close();
  }
}
