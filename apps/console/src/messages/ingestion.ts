import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { INGESTION } from '../access';
import type { MessageKeeper } from './message-keeper';
import { type LogExport, spansIn, handledIn, type TraceExport, droppedBySendersIn } from './otlp';
import { logsFromProtobuf, tracesFromProtobuf } from './otlp-protobuf';

const unzip = promisify(gunzip);

/** Bytes of one request, also unpacked. */
const LARGEST = 8 * 1_048_576;
const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';

/** A body of OTLP that cannot be read. */
class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

/**
 * Takes OTLP over HTTP: spans at `/v1/traces`, handled messages at `/v1/logs`. It asks for the token
 * that changes ask for, but no line of the audit is written. The sender is answered before its rows
 * are stored: those that cannot be kept are rejected, and it does not send them again.
 */
export function takeTelemetry(app: NestFastifyApplication, keeper: MessageKeeper): void {
  const server = app.getHttpAdapter().getInstance();
  void server.register(async (own) => {
    own.removeAllContentTypeParsers();
    for (const type of [JSON_TYPE, PROTOBUF_TYPE])
      own.addContentTypeParser(type, { parseAs: 'buffer', bodyLimit: LARGEST }, (_, body, done) =>
        done(null, body),
      );
    const options = { config: INGESTION };
    own.post('/v1/traces', options, (request, reply) =>
      answer(request, reply, 'rejectedSpans', async () => {
        const read = await readFrom<TraceExport>(request, tracesFromProtobuf);
        return keeper.takeSpans(understood(() => spansIn(read)));
      }),
    );
    own.post('/v1/logs', options, (request, reply) =>
      answer(request, reply, 'rejectedLogRecords', async () => {
        const read = await readFrom<LogExport>(request, logsFromProtobuf);
        return keeper.takeHandled(
          ...understood(() => [handledIn(read), droppedBySendersIn(read)] as const),
        );
      }),
    );
  });
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  field: string,
  take: () => Promise<number>,
) {
  try {
    const rejected = await take();
    // In protobuf, an empty answer is one without a complaint.
    if (isProtobuf(request)) return reply.type(PROTOBUF_TYPE).send(Buffer.alloc(0));
    return reply.send(
      rejected === 0
        ? {}
        : {
            partialSuccess: {
              [field]: String(rejected),
              errorMessage: 'the console cannot keep them',
            },
          },
    );
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return reply.status(400).send({ code: 3, message: error.message });
  }
}

async function readFrom<T>(
  request: FastifyRequest,
  fromProtobuf: (body: Uint8Array) => T,
): Promise<T> {
  const body = await unpacked(request);
  return understood(() =>
    isProtobuf(request) ? fromProtobuf(body) : (JSON.parse(body.toString('utf8')) as T),
  );
}

const isProtobuf = ({ headers }: FastifyRequest): boolean =>
  headers['content-type']?.startsWith(PROTOBUF_TYPE) === true;

async function unpacked({ headers, body }: FastifyRequest): Promise<Buffer> {
  const bytes = body as Buffer;
  if (headers['content-encoding'] === undefined) return bytes;
  if (headers['content-encoding'] !== 'gzip')
    throw new UnreadableError(
      `${headers['content-encoding']} is not understood; send it plain, or by gzip`,
    );
  return unzip(bytes, { maxOutputLength: LARGEST }).catch((error: Error) => {
    throw new UnreadableError(`it cannot be unpacked: ${error.message}`);
  });
}

function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UnreadableError(`this is no export of OTLP: ${(error as Error).message}`);
  }
}
