// Receives OTLP over HTTP, like a collector. It accepts the protobuf messages of the real exporter.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** This is empty for the first span of a trace. */
  readonly parentId: string;
  readonly name: string;
  /** The value 2 means "server" (trace.proto, Span.SpanKind). */
  readonly kind: number;
  readonly attributes: ReadonlyMap<string, string | number | boolean>;
  /** The value 2 means "error". */
  readonly status: number;
  readonly service: string;
}

export interface OtlpReceiver {
  /** The URL `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
}

/** Starts a receiver, which is closed after the test. */
export async function startOtlpReceiver(t: TestContext): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    void readAll(request).then((bytes) => {
      if (request.url === "/v1/traces") spans.push(...spansOf(bytes));
      response.writeHead(request.url === "/v1/traces" ? 200 : 404);
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, spans };
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

/** Returns the fields of a message by number, as bytes or numbers. Omits Fixed64 fields. */
function fieldsOf(bytes: Uint8Array): Fields {
  const fields = new Map<number, (Uint8Array | number)[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const list = fields.get(number) ?? [];
    fields.set(number, list);
    if (type === WireType.LengthDelimited) list.push(reader.bytes());
    else if (type === WireType.Varint) list.push(Number(reader.int64()));
    else reader.skip(type, number);
  }
  return fields;
}

const messages = (fields: Fields, number: number): Fields[] =>
  (fields.get(number) ?? []).map((each) => fieldsOf(each as Uint8Array));
const bytesAt = (fields: Fields, number: number): Buffer =>
  Buffer.from((fields.get(number)?.[0] ?? new Uint8Array()) as Uint8Array);
const numberAt = (fields: Fields, number: number): number => Number(fields.get(number)?.[0] ?? 0);

/** Decodes an ExportTraceServiceRequest of opentelemetry-proto. */
function spansOf(bytes: Uint8Array): ReceivedSpan[] {
  return messages(fieldsOf(bytes), 1).flatMap((ofResource) => {
    const [resource = new Map()] = messages(ofResource, 1);
    const service = String(attributesOf(messages(resource, 1)).get("service.name"));
    return messages(ofResource, 2)
      .flatMap((ofScope) => messages(ofScope, 2))
      .map((span) => ({
        traceId: bytesAt(span, 1).toString("hex"),
        spanId: bytesAt(span, 2).toString("hex"),
        parentId: bytesAt(span, 4).toString("hex"),
        name: bytesAt(span, 5).toString(),
        kind: numberAt(span, 6),
        attributes: attributesOf(messages(span, 9)),
        status: messages(span, 15).map((status) => numberAt(status, 3))[0] ?? 0,
        service,
      }));
  });
}

function attributesOf(entries: readonly Fields[]): Map<string, string | number | boolean> {
  const attributes = new Map<string, string | number | boolean>();
  for (const entry of entries) {
    const [value = new Map() as Fields] = messages(entry, 2);
    const shown = value.has(1)
      ? bytesAt(value, 1).toString()
      : value.has(2)
        ? numberAt(value, 2) === 1
        : numberAt(value, 3);
    attributes.set(bytesAt(entry, 1).toString(), shown);
  }
  return attributes;
}
