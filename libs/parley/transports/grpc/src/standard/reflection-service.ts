import { type Server, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { Reader, Writer } from 'protobufjs/minimal';
import type { DescribedFile } from './file-descriptor';
import { WELL_KNOWN } from './well-known-files';

/** Older tools ask the second; the messages are the same. */
const SERVICES = [
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];
const MAX_STREAMS = 32;
/** Questions of one stream: a tool asks one for each symbol that it describes. */
const MAX_QUESTIONS = 1_000;
const MAX_QUESTION_BYTES = 4_096;
/** Milliseconds without a question after which a stream is ended. */
const IDLE_MS = 30_000;

const TAG = {
  fileByFilename: (3 << 3) | 2,
  fileContainingSymbol: (4 << 3) | 2,
  listServices: (7 << 3) | 2,
} as const;
const RESPONSE = { original: 2, files: 4, services: 6, error: 7 } as const;

type Stream = ServerDuplexStream<Buffer, Buffer>;

/** Tells tools which services there are, and their .proto files: grpcurl needs nothing else. */
export class ReflectionService {
  private readonly streams = new Set<Stream>();
  private readonly byName: ReadonlyMap<string, DescribedFile>;
  private readonly bySymbol: ReadonlyMap<string, DescribedFile>;
  private readonly names: readonly string[];

  constructor(services: readonly string[], files: readonly DescribedFile[]) {
    const all = [...WELL_KNOWN, ...files];
    this.names = [...services, ...SERVICES];
    this.byName = new Map(all.map((file) => [file.name, file]));
    this.bySymbol = new Map(
      all.flatMap((file) => file.symbols.map((symbol) => [symbol, file] as const)),
    );
  }

  register(server: Server): void {
    const same = (bytes: Buffer): Buffer => bytes;
    for (const service of SERVICES)
      server.register(
        `/${service}/ServerReflectionInfo`,
        (stream: Stream) => this.serve(stream),
        same,
        same,
        'bidi',
      );
  }

  /** Ends all streams: a drain waits for none of them. */
  stop(): void {
    for (const stream of this.streams) stream.end();
    this.streams.clear();
  }

  private serve(stream: Stream): void {
    if (this.streams.size >= MAX_STREAMS) return refuse(stream, `${MAX_STREAMS} tools ask already`);
    this.streams.add(stream);
    let left = MAX_QUESTIONS;
    const idle = setTimeout(() => stream.end(), IDLE_MS).unref();
    stream.on('data', (question: Buffer) => {
      idle.refresh();
      if (--left < 0) {
        if (left === -1) refuse(stream, `a stream may ask ${MAX_QUESTIONS} questions`);
        return;
      }
      if (stream.write(this.answer(question))) return;
      stream.pause();
      stream.once('drain', () => stream.resume());
    });
    const gone = () => {
      clearTimeout(idle);
      this.streams.delete(stream);
    };
    stream.on('end', () => (gone(), stream.end()));
    stream.on('cancelled', gone);
    stream.on('error', gone);
  }

  private answer(question: Buffer): Buffer {
    const asked = question.length <= MAX_QUESTION_BYTES ? questionIn(question) : undefined;
    const writer = Writer.create();
    if (asked) writer.uint32((RESPONSE.original << 3) | 2).bytes(question);
    if (!asked) writeError(writer, status.INVALID_ARGUMENT, 'the question cannot be read');
    else if (asked.tag === TAG.listServices) this.writeServices(writer);
    else {
      const found = (asked.tag === TAG.fileByFilename ? this.byName : this.bySymbol).get(
        asked.text,
      );
      if (found) this.writeFiles(writer, found);
      else writeError(writer, status.NOT_FOUND, 'this server has no such file or symbol');
    }
    return Buffer.from(writer.finish());
  }

  private writeServices(writer: Writer): void {
    writer.uint32((RESPONSE.services << 3) | 2).fork();
    for (const name of this.names) {
      writer.uint32(10).fork();
      writer.uint32(10).string(name);
      writer.ldelim();
    }
    writer.ldelim();
  }

  /** The file, and those it imports. */
  private writeFiles(writer: Writer, file: DescribedFile): void {
    const files = [file, ...file.dependencies.flatMap((name) => this.byName.get(name) ?? [])];
    writer.uint32((RESPONSE.files << 3) | 2).fork();
    for (const { bytes } of files) writer.uint32(10).bytes(bytes);
    writer.ldelim();
  }
}

function writeError(writer: Writer, code: status, message: string): void {
  writer.uint32((RESPONSE.error << 3) | 2).fork();
  writer.uint32(8).int32(code);
  writer.uint32(18).string(message);
  writer.ldelim();
}

function refuse(stream: Stream, details: string): void {
  stream.emit('error', { code: status.RESOURCE_EXHAUSTED, details });
}

/** The question of a ServerReflectionRequest; undefined for bytes that are none. */
function questionIn(bytes: Buffer): { readonly tag: number; readonly text: string } | undefined {
  try {
    const reader = Reader.create(bytes);
    let asked: { readonly tag: number; readonly text: string } | undefined;
    while (reader.pos < reader.len) {
      const tag = reader.tag();
      if (Object.values<number>(TAG).includes(tag)) asked = { tag, text: reader.string() };
      else reader.skipType(tag & 7);
    }
    // Extensions, which proto3 has none of, are not known here.
    return asked ?? { tag: TAG.fileContainingSymbol, text: '' };
  } catch {
    return undefined;
  }
}
