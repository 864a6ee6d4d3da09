// A disk in a file, served over NBD on a Unix socket. It logs every write and every flush in order.
// It runs in its own thread, because callers that wait for the disk may block theirs.
import { openSync, readSync, writeSync, fstatSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

export interface NbdServerData {
  readonly socket: string;
  /** The current disk, written in place. */
  readonly image: string;
  /** The bytes of all writes, one after the other. */
  readonly writes: string;
  /** One Int32: the number of entries in the log. It grows before a write or flush is answered. */
  readonly position: SharedArrayBuffer;
}

/** A write (offset and length), or a flush: everything before it is durable. */
export type LogEntry = readonly [offset: number, length: number] | "flush";

// https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
const initMagic = 0x4e42444d41474943n;
const optionMagic = 0x49484156454f5054n;
const optionReplyMagic = 0x3e889045565a9n;
const requestMagic = 0x25609513;
const replyMagic = 0x67446698;
const fixedNewstyle = 1;
const noZeroes = 2;
const option = { exportName: 1, abort: 2, info: 6, go: 7 } as const;
const optionReply = { ack: 1, info: 3, unsupported: 0x80000001 } as const;
const hasFlags = 1;
const sendFlush = 4;
const command = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
const einval = 22;

const { socket: socketPath, image, writes, position } = workerData as NbdServerData;
const disk = openSync(image, "r+");
const sizeBytes = fstatSync(disk).size;
const written = openSync(writes, "wx");
const entries: LogEntry[] = [];
const count = new Int32Array(position);

const server = createServer((socket) => {
  socket.on("error", () => undefined);
  void serveConnection(socket)
    .catch(() => undefined)
    .finally(() => socket.destroy());
});
server.listen(socketPath, () => parentPort?.postMessage("listening"));
parentPort?.on("message", () => {
  server.close();
  parentPort?.postMessage(entries);
  parentPort?.close();
});

function note(entry: LogEntry): void {
  entries.push(entry);
  Atomics.store(count, 0, entries.length);
}

/** Consumes exactly this many of the next bytes. */
type Take = (length: number) => Promise<Buffer>;

function takerOf(socket: Socket): Take {
  const pieces = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  return async (length) => {
    const parts = [rest];
    let have = rest.length;
    while (have < length) {
      const next = await pieces.next();
      if (next.done === true) throw new Error("the client is gone");
      parts.push(next.value);
      have += next.value.length;
    }
    const bytes = Buffer.concat(parts);
    rest = bytes.subarray(length);
    return bytes.subarray(0, length);
  };
}

async function serveConnection(socket: Socket): Promise<void> {
  const hello = Buffer.alloc(18);
  hello.writeBigUInt64BE(initMagic, 0);
  hello.writeBigUInt64BE(optionMagic, 8);
  hello.writeUInt16BE(fixedNewstyle | noZeroes, 16);
  socket.write(hello);
  const take = takerOf(socket);
  await take(4);
  if (!(await negotiate(socket, take))) return;
  while (await serveRequest(socket, take));
}

/** False if the client disconnected. */
async function negotiate(socket: Socket, take: Take): Promise<boolean> {
  for (;;) {
    const head = await take(16);
    const wanted = head.readUInt32BE(8);
    await take(head.readUInt32BE(12));
    if (wanted === option.exportName) {
      socket.write(exportFacts());
      return true;
    }
    if (wanted === option.go || wanted === option.info) {
      socket.write(
        answer(wanted, optionReply.info, Buffer.concat([Buffer.alloc(2), exportFacts()])),
      );
      socket.write(answer(wanted, optionReply.ack));
      if (wanted === option.go) return true;
      continue;
    }
    socket.write(
      answer(wanted, wanted === option.abort ? optionReply.ack : optionReply.unsupported),
    );
    if (wanted === option.abort) return false;
  }
}

function exportFacts(): Buffer {
  const facts = Buffer.alloc(10);
  facts.writeBigUInt64BE(BigInt(sizeBytes), 0);
  facts.writeUInt16BE(hasFlags | sendFlush, 8);
  return facts;
}

function answer(wanted: number, kind: number, data = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(20);
  head.writeBigUInt64BE(optionReplyMagic, 0);
  head.writeUInt32BE(wanted, 8);
  head.writeUInt32BE(kind, 12);
  head.writeUInt32BE(data.length, 16);
  return Buffer.concat([head, data]);
}

async function serveRequest(socket: Socket, take: Take): Promise<boolean> {
  const head = await take(28);
  if (head.readUInt32BE(0) !== requestMagic) throw new Error("no request");
  const [kind, offset, length] = [
    head.readUInt16BE(6),
    Number(head.readBigUInt64BE(16)),
    head.readUInt32BE(24),
  ];
  if (kind === command.disconnect) return false;
  const payload = kind === command.write ? await take(length) : undefined;
  const reply = Buffer.alloc(16);
  reply.writeUInt32BE(replyMagic, 0);
  head.copy(reply, 8, 8, 16);
  if (kind === command.read) {
    const bytes = Buffer.alloc(length);
    readSync(disk, bytes, 0, length, offset);
    socket.write(Buffer.concat([reply, bytes]));
    return true;
  }
  if (payload !== undefined) {
    writeSync(disk, payload, 0, length, offset);
    writeSync(written, payload);
    note([offset, length]);
  } else if (kind === command.flush) note("flush");
  else reply.writeUInt32BE(einval, 4);
  socket.write(reply);
  return true;
}
