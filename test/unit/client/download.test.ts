// Tests downloads: when one is complete, the errors of an incomplete one, back-pressure, and
// readers that stop early.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import {
  SnapshotService,
  type ExportRequest,
  type RestoreRequest,
  type RestoreResponse,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { isStoreError, type Client } from "../../../src/client/index.js";
import { concat, settled, startRawServer, statusWith } from "./raw-server.js";

const methods = [SnapshotService.method.restore, SnapshotService.method.export];
type RestoreCall = grpc.ServerWritableStream<RestoreRequest | ExportRequest, RestoreResponse>;
type Frame = { case: string; value: unknown };

const header: Frame = { case: "header", value: { snapshot: { config: { id: "x" } } } };
const data = Buffer.from("all the data");
const chunk: Frame = { case: "chunk", value: data };
const trailer = (totalBytes: number, crc: number): Frame => ({
  case: "trailer",
  value: { totalBytes: BigInt(totalBytes), crc32: crc },
});
const goodTrailer = trailer(2 * data.length, crc32(Buffer.concat([data, data])));

function send(call: RestoreCall, frames: readonly Frame[]): void {
  for (const frame of frames) call.write({ frame } as unknown as RestoreResponse);
}

async function restoreOf(
  t: Parameters<typeof startRawServer>[0],
  frames: readonly Frame[],
  error?: grpc.StatusObject,
): Promise<Client> {
  const handler = (call: RestoreCall): void => {
    send(call, frames);
    if (error === undefined) call.end();
    else call.emit("error", error);
  };
  return (await startRawServer(t, methods, { Restore: handler, Export: handler })).client;
}

test("a download has a header, bytes and a trailer", async (t) => {
  const client = await restoreOf(t, [header, chunk, chunk, goodTrailer]);
  for (const download of [await client.restore("x"), await client.export({ ref: "x" })]) {
    assert.equal(download.header.snapshot?.config?.id, "x");
    const early = download.trailer;
    assert.equal(early, undefined);
    assert.deepEqual(await concat(download.bytes), Buffer.concat([data, data]));
    assert.equal(download.trailer?.totalBytes, 24n);
    await download[Symbol.asyncDispose]();
    await download[Symbol.asyncDispose]();
  }
});

test("a daemon that sends all files instead of the selected ones is refused", async (t) => {
  const older = await restoreOf(t, [header, chunk, chunk, goodTrailer]);
  const request = { ref: "x", files: ["disk"] };
  for (const asked of [older.restore(request), older.export(request)]) {
    await assert.rejects(asked, (error) => isStoreError(error, "NOT_IMPLEMENTED"));
  }
  const known: Frame = { case: "header", value: { files: ["disk"] } };
  const newer = await restoreOf(t, [known, chunk, chunk, goodTrailer]);
  const download = await newer.restore(request);
  assert.deepEqual(download.header.files, ["disk"]);
  assert.equal((await concat(download.bytes)).length, 2 * data.length);
});

test("pieces can be kept, or are freed when the next piece is requested", async (t) => {
  const contents = [1, 2, 3].map((byte) => Buffer.alloc(100_000 + byte, byte)).concat(data);
  const all = Buffer.concat(contents);
  const frames = contents.map((value): Frame => ({ case: "chunk", value }));
  const client = await restoreOf(t, [header, ...frames, trailer(all.length, crc32(all))]);
  for (const reuseBuffers of [false, true]) {
    const pieces: Uint8Array[] = [];
    const copies: Buffer[] = [];
    for await (const piece of (await client.restore("x", { reuseBuffers })).bytes) {
      pieces.push(piece);
      copies.push(Buffer.from(piece));
    }
    assert.deepEqual(Buffer.concat(copies), all);
    const kept = pieces.slice(0, 3).map((piece) => piece.length);
    assert.deepEqual(kept, reuseBuffers ? [0, 0, 0] : [100_001, 100_002, 100_003]);
  }
});

test("the pool of small Buffers is not freed, also if it is as large as in Node 24", async (t) => {
  const { poolSize } = Buffer;
  t.after(() => void (Buffer.poolSize = poolSize));
  Buffer.poolSize = 64 * 1024;
  const contents = Array.from({ length: 20 }, (_, byte) => Buffer.alloc(9_000, byte));
  const all = Buffer.concat(contents);
  const frames = contents.map((value): Frame => ({ case: "chunk", value }));
  const client = await restoreOf(t, [header, ...frames, trailer(all.length, crc32(all))]);
  const download = await client.restore("x", { reuseBuffers: true });
  let received = 0;
  for await (const piece of download.bytes) received += piece.length;
  assert.equal(received, all.length);
});

const broken: readonly (readonly [string, readonly Frame[], RegExp])[] = [
  ["no trailer, though the status is OK", [header, chunk], /12 B without a trailer/],
  ["a wrong total", [header, chunk, trailer(13, crc32(data))], /expected 13 B, received 12 B/],
  ["a wrong CRC-32", [header, chunk, trailer(12, 1)], /expected CRC-32 00000001/],
];
for (const [what, frames, message] of broken) {
  test(`${what} is DOWNLOAD_TRUNCATED`, async (t) => {
    const client = await restoreOf(t, frames);
    const download = await client.restore("x");
    await assert.rejects(concat(download.bytes), (error) => {
      assert.ok(isStoreError(error, "DOWNLOAD_TRUNCATED"));
      assert.match(error.message, message);
      return true;
    });
    assert.equal(download.trailer, undefined);
  });
}

test("frames out of order are refused", async (t) => {
  const noHeader = await restoreOf(t, [chunk]);
  await assert.rejects(noHeader.restore("x"), /frame chunk out of order/);
  const nothing = await restoreOf(t, []);
  await assert.rejects(nothing.restore("x"), (error) => isStoreError(error, "DOWNLOAD_TRUNCATED"));
  const twoHeaders = await restoreOf(t, [header, header, goodTrailer]);
  await assert.rejects(concat((await twoHeaders.restore("x")).bytes), /frame header/);
  const afterTrailer = await restoreOf(t, [header, chunk, chunk, goodTrailer, chunk]);
  await assert.rejects(concat((await afterTrailer.restore("x")).bytes), /frame chunk/);
});

test("an error before the header and an error after some bytes are passed on unchanged", async (t) => {
  const missing = statusWith(grpc.status.NOT_FOUND, "SNAPSHOT_NOT_FOUND", "no snapshot x");
  const absent = await restoreOf(t, [], missing);
  await assert.rejects(absent.restore("x"), (error) => isStoreError(error, "SNAPSHOT_NOT_FOUND"));

  const damage = statusWith(grpc.status.DATA_LOSS, "STORED_DATA_CORRUPT", "block 7 is damaged");
  const damaged = await restoreOf(t, [header, chunk], damage);
  const download = await damaged.restore("x");
  await assert.rejects(concat(download.bytes), (error) =>
    isStoreError(error, "STORED_DATA_CORRUPT"),
  );
});

test("a reader that pauses makes the daemon pause, and continues at its position", async (t) => {
  const chunkBytes = 256 * 1024;
  const chunks = 256;
  let sent = 0;
  const { client } = await startRawServer(t, methods, {
    Restore: (call: RestoreCall) => {
      void (async () => {
        send(call, [header]);
        const bytes = Buffer.alloc(chunkBytes, 3);
        let crc = 0;
        for (; sent < chunks; sent += 1) {
          crc = crc32(bytes, crc);
          const frame = { frame: { case: "chunk", value: bytes } } as unknown as RestoreResponse;
          if (!call.write(frame)) await once(call, "drain");
        }
        send(call, [trailer(chunks * chunkBytes, crc)]);
        call.end();
      })();
    },
  });
  const download = await client.restore("x");
  const reader = download.bytes[Symbol.asyncIterator]();
  await reader.next();
  const stuckAt = (await settled(() => sent)) * chunkBytes;
  assert.ok(stuckAt < 24 * 1024 * 1024, `${stuckAt} bytes went to a reader that had stopped`);
  let received = chunkBytes;
  for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
    received += next.value.length;
  }
  assert.equal(received, chunks * chunkBytes);
});

for (const how of ["leaving the loop", "disposing", "aborting the signal"]) {
  test(`${how} cancels the call, also while the daemon is silent`, async (t) => {
    let cancelled: (() => void) | undefined;
    const cancelSeen = new Promise<void>((resolve) => (cancelled = resolve));
    const { client } = await startRawServer(t, methods, {
      Restore: (call: RestoreCall) => {
        send(call, [header, chunk]);
        call.on("cancelled", () => cancelled?.());
      },
    });
    const controller = new AbortController();
    const download = await client.restore("x", { signal: controller.signal });
    const reader = download.bytes[Symbol.asyncIterator]();
    await reader.next();
    if (how === "leaving the loop") {
      await reader.return?.();
    } else {
      const waiting = assert.rejects(reader.next(), (error) => {
        return isStoreError(error, "CALL_CANCELLED");
      });
      if (how === "disposing") await download[Symbol.asyncDispose]();
      else controller.abort();
      await waiting;
    }
    await cancelSeen;
  });
}

test("a connection that breaks in the middle of a download is not a clean end", async (t) => {
  const server = await startRawServer(t, methods, {
    Restore: (call: RestoreCall) => send(call, [header, chunk]),
  });
  const download = await server.client.restore("x");
  const reader = download.bytes[Symbol.asyncIterator]();
  await reader.next();
  server.kill();
  await assert.rejects(reader.next(), (error) => {
    assert.ok(isStoreError(error, "DAEMON_UNREACHABLE"));
    assert.match(error.message, /^lost the connection to 127\.0\.0\.1:\d+/);
    return true;
  });
});
