import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect as connectTo, createServer } from 'node:net';
import { connect } from 'node:tls';
import { OwnerUnavailableError } from '@parley/messaging';
import type { CallTransport, HandleCall, IncomingCall } from '@parley/messaging/transport';
import { asking, CallTrial, named, reply } from '../harness/call-trial';
import { CertificateFolder, certificateFor, type Issued, makeCa } from '../harness/certificates';
import { eventually } from '../harness/recorder';
import { callWireSuite, type CallWire } from './call-wire';

/** Milliseconds in which changed files are noticed, on a busy machine. */
const NOTICED_MS = 20_000;

/** TLS and mutual TLS, the same on every technology of calls. */
export function callTlsSuite({ technology, lostBySilence }: CallWire): void {
  const folders: CertificateFolder[] = [];
  let ca: Issued;
  /** The files of the owner `wire`. */
  let owner: CertificateFolder;
  const trial = new CallTrial(technology, () => owner.mutual);

  const folder = (trusted: string, own?: Issued): CertificateFolder => {
    const made = new CertificateFolder(trusted, own);
    folders.push(made);
    return made;
  };
  beforeAll(async () => {
    ca = await makeCa();
    owner = folder(ca.cert, await certificateFor('wire', ca));
  });
  afterEach(() => trial.close());
  afterAll(() => {
    for (const one of folders) one.remove();
  });

  /** A caller with files of its own. */
  const callerWith = (options: string, ...ports: number[]): CallTransport =>
    trial.transportFor(
      `${trial.scheme}://${ports.map((port) => `127.0.0.1:${port}`).join(',')}${options}`,
    );
  const refusal = async (asked: Promise<unknown>): Promise<string> => {
    const error = await asked.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(OwnerUnavailableError);
    expect((error as OwnerUnavailableError).reason).toBe('untrusted');
    return (error as Error).message;
  };

  /** Keeps the calls that it answers with their body. */
  function recording(): { readonly answer: HandleCall; readonly handled: IncomingCall[] } {
    const handled: IncomingCall[] = [];
    return {
      handled,
      answer: async (call) => (handled.push(call), { ok: true, body: call.body }),
    };
  }

  describe(`by mutual TLS, ${technology.name}`, () => {
    it('answers, and the owner knows the caller by its certificate', async () => {
      const { answer, handled } = recording();
      const { port } = await trial.serve(answer);
      const orders = folder(ca.cert, await certificateFor('orders', ca));
      expect(await reply(callerWith(orders.mutual, port), asking('{"n":1}'))).toBe('{"n":1}');
      expect(handled[0]!.caller).toEqual({ service: 'orders', proof: 'certificate' });
    });

    it('knows the caller by its SPIFFE ID, and the owner, too', async () => {
      const spiffe = async (service: string) =>
        folder(
          ca.cert,
          await certificateFor(service, ca, {
            dns: [],
            uris: [`spiffe://shop.example/ns/shop/${service}`],
          }),
        );
      const { answer, handled } = recording();
      const { port } = await trial.serve(
        answer,
        undefined,
        undefined,
        (await spiffe('wire')).mutual,
      );
      await reply(callerWith((await spiffe('gateway')).mutual, port));
      expect(handled[0]!.caller).toEqual({ service: 'gateway', proof: 'certificate' });
    });

    it('refuses a caller without a certificate, with a reason, and handles nothing', async () => {
      const { answer, handled } = recording();
      const { port } = await trial.serve(answer);
      expect(await refusal(callerWith(owner.options('ca'), port).call(asking()))).toMatch(
        /no trusted connection to wire \(it wants a certificate of its callers; give CALLS_URL a cert and a key\)/,
      );
      expect(handled).toEqual([]);
    });

    it('refuses a caller with the certificate of another CA', async () => {
      const { answer, handled } = recording();
      const { port } = await trial.serve(answer);
      const other = await makeCa('another CA');
      const stranger = folder(ca.cert, await certificateFor('orders', other));
      expect(await refusal(callerWith(stranger.mutual, port).call(asking()))).toContain(
        'the certificate of this caller is signed by no CA that the owner knows',
      );
      expect(handled).toEqual([]);
    });

    it('refuses a caller whose certificate has expired', async () => {
      const { answer, handled } = recording();
      const { port } = await trial.serve(answer);
      const now = new Date();
      const from = new Date(now.getTime() - 60_000);
      const to = new Date(now.getTime() + 3_000);
      const orders = folder(ca.cert, await certificateFor('orders', ca, { from, to }));
      const caller = callerWith(orders.mutual, port);
      await eventually(async () => {
        const timeOfDay = Date.now();
        return timeOfDay > to.getTime() + 1_000;
      }, 'it expires');
      expect(await refusal(caller.call(asking()))).toContain(
        'the certificate of this caller has expired',
      );
      expect(handled).toEqual([]);
    });

    it('refuses an owner with the certificate of another service', async () => {
      const { answer, handled } = recording();
      const shipping = folder(ca.cert, await certificateFor('shipping', ca));
      const { port } = await trial.serve(answer, undefined, undefined, shipping.mutual);
      expect(await refusal(callerWith(owner.mutual, port).call(asking()))).toContain(
        'its certificate is for DNS:shipping, not for wire or 127.0.0.1',
      );
      expect(handled).toEqual([]);
    });

    it('refuses an owner with the certificate of another CA', async () => {
      const { answer, handled } = recording();
      const { port } = await trial.serve(answer);
      const others = folder((await makeCa('another CA')).cert, await certificateFor('orders', ca));
      expect(await refusal(callerWith(others.mutual, port).call(asking()))).toContain(
        'its certificate is signed by no CA that this service knows',
      );
      expect(handled).toEqual([]);
    });

    it('answers nothing that comes without TLS', async () => {
      const { answer, handled } = recording();
      const { port } = await trial.serve(answer);
      const plain = trial.transportFor(`${technology.name}://127.0.0.1:${port}`);
      await expect(plain.call(asking('{}', { within: 5_000 }))).rejects.toThrow();
      expect(handled).toEqual([]);
    });

    it('leaves out an instance that it does not trust, and asks the others', async () => {
      const shipping = folder(ca.cert, await certificateFor('shipping', ca));
      const { port: good } = await trial.serve(named('good'));
      const bad = await trial.serve(named('bad'), undefined, undefined, shipping.mutual);
      let tries = 0;
      const road = createServer((socket) => {
        tries++;
        socket
          .pipe(connectTo(bad.port, '127.0.0.1'))
          .on('error', () => socket.destroy())
          .pipe(socket);
        socket.on('error', () => undefined);
      }).listen(0, '127.0.0.1');
      await once(road, 'listening');
      trial.closes({ close: () => void road.close() });
      const caller = callerWith(owner.mutual, (road.address() as AddressInfo).port, good);
      // It is tried again and again in the background, and stays left out.
      while (tries < 4) {
        expect(await reply(caller)).toBe('"good"');
        const [state] = caller.instances!().map(({ state }) => state);
        if (tries > 0) expect(state).toBe('left out');
      }
    });
  });

  describe('files that are replaced', () => {
    /** The serial number of the certificate that a server shows to a new connection. */
    async function shownAt(port: number): Promise<string> {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const shown = socket.getPeerX509Certificate()!.serialNumber;
      socket.destroy();
      return shown;
    }

    it(
      'count for new connections, and cost no call',
      async () => {
        const { answer: record, handled } = recording();
        const answer: HandleCall = async (call) => {
          for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
          return record(call);
        };
        const served = folder(ca.cert, await certificateFor('wire', ca));
        const calling = folder(ca.cert, await certificateFor('orders', ca));
        const { port } = await trial.serve(answer, undefined, undefined, served.mutual);
        const caller = callerWith(calling.mutual, port);
        await reply(caller);
        const next = await certificateFor('wire', ca);
        served.put(ca.cert, next);
        calling.put(ca.cert, await certificateFor('gateway', ca));
        const wanted = new X509Certificate(next.cert).serialNumber;
        // Four callers side by side, so that calls are under way when the files change.
        let isOver = false;
        const callers = Array.from({ length: 4 }, async (_, place) => {
          for (let n = 0; !isOver; n++)
            expect(await reply(caller, asking(`${place}${n}`))).toBe(`${place}${n}`);
        });
        const isSeen = async () =>
          handled.at(-1)!.caller?.service === 'gateway' && (await shownAt(port)) === wanted;
        const seen = eventually(isSeen, 'the new certificates', NOTICED_MS);
        await seen.finally(() => (isOver = true));
        await Promise.all(callers);
      },
      2 * NOTICED_MS,
    );

    it(
      'are not used when they are bad: the former ones stay, and one warning says so',
      async () => {
        const served = folder(ca.cert, await certificateFor('wire', ca));
        const { port } = await trial.serve(recording().answer, undefined, undefined, served.mutual);
        const before = await shownAt(port);
        const good = await certificateFor('wire', ca);
        const other = await certificateFor('wire', ca);
        served.put(ca.cert, { cert: good.cert, key: other.key });
        await eventually(async () => trial.warnings.length > 0, 'a warning', NOTICED_MS);
        expect(trial.warnings).toEqual([
          expect.stringMatching(
            /^the files for TLS that were read before stay in use: key=.* is not the key of the certificate/,
          ),
        ]);
        expect(await shownAt(port)).toBe(before);
        expect(await reply(callerWith(owner.mutual, port), asking('1'))).toBe('1');
        served.put(ca.cert, good);
        const wanted = new X509Certificate(good.cert).serialNumber;
        await eventually(async () => (await shownAt(port)) === wanted, 'the good one', NOTICED_MS);
        expect(trial.warnings.splice(0)).toHaveLength(1);
      },
      2 * NOTICED_MS,
    );
  });

  describe('at start', () => {
    const from = new Date('2020-01-01');
    const starts = async (own: Issued | undefined, options?: string) =>
      trial.serve(recording().answer, undefined, undefined, options ?? folder(ca.cert, own).mutual);

    it.each<[string, () => Promise<string>, RegExp]>([
      [
        'is missing',
        async () => folder(ca.cert).mutual,
        /cert=.*tls\.crt cannot be read \(ENOENT\); it must be a file that/,
      ],
      [
        'is no certificate',
        async () => {
          const wrong = folder('not a certificate', await certificateFor('wire', ca));
          return wrong.mutual;
        },
        /ca=.*ca\.crt has no certificate that can be read; it must be in PEM/,
      ],
      [
        'is the key of another one',
        async () => {
          const [{ cert }, { key }] = [
            await certificateFor('wire', ca),
            await certificateFor('wire', ca),
          ];
          return folder(ca.cert, { cert, key }).mutual;
        },
        /key=.*tls\.key is not the key of the certificate in cert=.*; give the two/,
      ],
      [
        'is no key',
        async () => {
          const { cert } = await certificateFor('wire', ca);
          return folder(ca.cert, { cert, key: 'very secret' }).mutual;
        },
        /^(?!.*very secret).*key=.*tls\.key has no private key in PEM/,
      ],
      [
        'has expired',
        async () =>
          folder(ca.cert, await certificateFor('wire', ca, { from, to: new Date('2021-01-01') }))
            .mutual,
        /the certificate in cert=.* expired on 2021-01-01T00:00:00\.000Z; put one that is valid there/,
      ],
      [
        'is not named',
        async () => folder(ca.cert).options('ca'),
        /calls are answered by TLS, but there is no certificate to show; add \?cert=/,
      ],
    ])('a file that %s is refused with a sentence', async (_, options, sentence) => {
      await expect(starts(undefined, await options())).rejects.toThrow(sentence);
    });

    it('files without TLS are refused, and a certificate without its key', () => {
      const open = (url: string) => () => trial.transportFor(url);
      expect(open(`${technology.name}://a:1?ca=/ca.crt`)).toThrow(/has "ca", which is for TLS/);
      expect(open(`${trial.scheme}://a:1?cert=/tls.crt`)).toThrow(
        /has one of cert and key, which belong together/,
      );
    });
  });

  callWireSuite({ technology, lostBySilence, files: () => owner.mutual });
}
