// Implements the server's side of the NBD protocol, for disks that a test serves from its own
// process.
import { createServer, type Server, type Socket } from "node:net";

/** Answers the requests, one after the other. */
export interface NbdDisk {
  readonly sizeBytes: number;
  read(bytes: Buffer, offset: number): void | Promise<void>;
  write(bytes: Buffer, offset: number): void | Promise<void>;
  flush(): void | Promise<void>;
}

// These numbers are from https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md.
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

/** Listens on a Unix socket. `listening` is called when clients can connect. */
export function serveNbd(socketPath: string, disk: NbdDisk, listening: () => void): Server {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    void serveConnection(socket, disk)
      .catch(() => undefined)
      .finally(() => socket.destroy());
  });
  return server.listen(socketPath, listening);
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

async function serveConnection(socket: Socket, disk: NbdDisk): Promise<void> {
  const hello = Buffer.alloc(18);
  hello.writeBigUInt64BE(initMagic, 0);
  hello.writeBigUInt64BE(optionMagic, 8);
  hello.writeUInt16BE(fixedNewstyle | noZeroes, 16);
  socket.write(hello);
  const take = takerOf(socket);
  await take(4);
  if (!(await negotiate(socket, take, disk.sizeBytes))) return;
  while (await serveRequest(socket, take, disk));
}

/** Returns false if the client ends the negotiation. */
async function negotiate(socket: Socket, take: Take, sizeBytes: number): Promise<boolean> {
  for (;;) {
    const head = await take(16);
    const wanted = head.readUInt32BE(8);
    await take(head.readUInt32BE(12));
    if (wanted === option.exportName) {
      socket.write(exportFacts(sizeBytes));
      return true;
    }
    if (wanted === option.go || wanted === option.info) {
      socket.write(
        answer(wanted, optionReply.info, Buffer.concat([Buffer.alloc(2), exportFacts(sizeBytes)])),
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

function exportFacts(sizeBytes: number): Buffer {
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

async function serveRequest(socket: Socket, take: Take, disk: NbdDisk): Promise<boolean> {
  const head = await take(28);
  if (head.readUInt32BE(0) !== requestMagic) throw new Error("no request");
  const [kind, offset, length] = [
    head.readUInt16BE(6),
    Number(head.readBigUInt64BE(16)),
    head.readUInt32BE(24),
  ];
  if (kind === command.disconnect) return false;
  const reply = Buffer.alloc(16);
  reply.writeUInt32BE(replyMagic, 0);
  head.copy(reply, 8, 8, 16);
  if (kind === command.read) {
    const bytes = Buffer.alloc(length);
    await disk.read(bytes, offset);
    socket.write(Buffer.concat([reply, bytes]));
    return true;
  }
  if (kind === command.write) await disk.write(await take(length), offset);
  else if (kind === command.flush) await disk.flush();
  else reply.writeUInt32BE(einval, 4);
  socket.write(reply);
  return true;
}
