// Tests uploads: the order of their frames, back-pressure, early answers, and failing sources.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import {
  SnapshotService,
  type CreateRequest,
  type CreateResponse,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { isStoreError } from "../../../src/client/index.js";
import { settled, startRawServer, statusWith } from "./raw-server.js";

const methods = [SnapshotService.method.create];
type CreateCall = grpc.ServerReadableStream<CreateRequest, CreateResponse>;
type Answer = grpc.sendUnaryData<CreateResponse>;

/** Returns a stored snapshot of that name, with only the fields that these tests read. */
function stored(name: string): CreateResponse {
  return { snapshot: { config: { name } } } as unknown as CreateResponse;
}

/** Returns a source of endless pieces of 64 KiB, which reports its state. */
function endlessSource(): AsyncIterable<Uint8Array> & { pulled: number; stopped: Promise<void> } {
  const piece = Buffer.alloc(64 * 1024, 1);
  let stopped: (() => void) | undefined;
  const source = {
    pulled: 0,
    stopped: new Promise<void>((resolve) => (stopped = resolve)),
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          source.pulled += piece.length;
          yield piece;
          await new Promise(setImmediate);
        }
      } finally {
        stopped?.();
      }
    },
  };
  return source;
}

test("an upload sends a header, chunks of at most 1 MiB, and a commit with total and CRC-32", async (t) => {
  const frames: CreateRequest["frame"][] = [];
  const { client } = await startRawServer(t, methods, {
    Create: (call: CreateCall, answer: Answer) => {
      call.on("data", (request: CreateRequest) => frames.push(request.frame));
      call.on("end", () => answer(null, stored("a")));
    },
  });
  const data = Buffer.alloc(2_600_000, "stasis");
  const pieces = [data.subarray(0, 7), data.subarray(7, 1_800_000), data.subarray(1_800_000)];
  const answer = await client.create({ config: { name: "a" } }, toStream(pieces));
  assert.equal(answer.snapshot?.config?.name, "a");

  const [header, ...rest] = frames;
  const commit = rest.pop();
  assert.equal(header?.case === "header" && header.value.config?.name, "a");
  assert.deepEqual(
    rest.map((frame) => frame.case === "chunk" && frame.value.length),
    [7, 1_048_576, 1_800_000 - 7 - 1_048_576, 800_000],
  );
  const chunks = rest.map((frame) => (frame.case === "chunk" ? frame.value : Buffer.alloc(0)));
  assert.ok(Buffer.concat(chunks).equals(data));
  assert.ok(commit?.case === "commit");
  assert.equal(commit.value.totalBytes, 2_600_000n);
  assert.equal(commit.value.crc32, crc32(data));
});

test("an empty source sends a header and a commit", async (t) => {
  const cases: (string | undefined)[] = [];
  const { client } = await startRawServer(t, methods, {
    Create: (call: CreateCall, answer: Answer) => {
      call.on("data", (request: CreateRequest) => cases.push(request.frame.case));
      call.on("end", () => answer(null, stored("")));
    },
  });
  await client.create({}, toStream([]));
  assert.deepEqual(cases, ["header", "commit"]);
});

test("memory that the source reuses does not change the sent data", async (t) => {
  const received: Uint8Array[] = [];
  const { client } = await startRawServer(t, methods, {
    Create: (call: CreateCall, answer: Answer) => {
      call.on("data", ({ frame }: CreateRequest) => {
        if (frame.case === "chunk") received.push(Buffer.from(frame.value));
      });
      call.on("end", () => answer(null, stored("")));
    },
  });
  async function* reusing(): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.alloc(100_000);
    for (let index = 0; index < 50; index += 1) yield await Promise.resolve(buffer.fill(index));
  }
  await client.create({}, reusing());
  const all = Buffer.concat(received);
  for (let index = 0; index < 50; index += 1) {
    const part = all.subarray(index * 100_000, (index + 1) * 100_000);
    assert.ok(part.equals(Buffer.alloc(100_000, index)), `piece ${index}`);
  }
});

test("a daemon that does not read pauses the source, which continues later", async (t) => {
  let resume: (() => void) | undefined;
  let received = 0;
  const { client } = await startRawServer(t, methods, {
    Create: (call: CreateCall, answer: Answer) => {
      resume = () => {
        call.on("data", ({ frame }: CreateRequest) => {
          if (frame.case === "chunk") received += frame.value.length;
        });
        call.on("end", () => answer(null, stored("")));
      };
    },
  });
  let pulled = 0;
  const total = 64 * 1024 * 1024;
  async function* counted(): AsyncGenerator<Uint8Array> {
    const piece = Buffer.alloc(256 * 1024);
    while (pulled < total) {
      pulled += piece.length;
      yield piece;
      await new Promise(setImmediate);
    }
  }
  const created = client.create({}, counted());
  const stuckAt = await settled(() => pulled);
  assert.ok(stuckAt < 16 * 1024 * 1024, `pulled ${stuckAt} bytes into a stalled upload`);
  resume?.();
  await created;
  assert.equal(received, total);
});

test("an early refusal is passed on unchanged and stops the source", async (t) => {
  const { client } = await startRawServer(t, methods, {
    Create: (call: CreateCall, answer: Answer) => {
      call.once("data", () => {
        const taken = statusWith(grpc.status.ALREADY_EXISTS, "SNAPSHOT_NAME_TAKEN", "a is taken", {
          snapshot_id: "0123456789abcdef",
        });
        answer(taken);
        call.resume();
      });
    },
  });
  const source = endlessSource();
  await assert.rejects(client.create({ config: { name: "a" } }, source), (error) => {
    assert.ok(isStoreError(error, "SNAPSHOT_NAME_TAKEN"));
    assert.equal(error.code, "ALREADY_EXISTS");
    assert.equal(error.message, "a is taken");
    assert.deepEqual(error.metadata, { snapshot_id: "0123456789abcdef" });
    return true;
  });
  await source.stopped;
});

test("an early refusal arrives while the source waits for input that never arrives", async (t) => {
  const { client } = await startRawServer(t, methods, {
    Create: (call: CreateCall, answer: Answer) => {
      call.once("data", () => {
        answer(statusWith(grpc.status.RESOURCE_EXHAUSTED, "STORAGE_FULL", "full"));
        call.resume();
      });
    },
  });
  let returned = false;
  const silent: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => undefined),
      return: () => {
        returned = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  await assert.rejects(client.create({}, silent), (error) => isStoreError(error, "STORAGE_FULL"));
  assert.equal(returned, true);
});

test("an early success with the outcome of an earlier request is accepted", async (t) => {
  const { client } = await startRawServer(t, methods, {
    Create: (call: CreateCall, answer: Answer) => {
      call.once("data", () => {
        answer(null, stored("before"));
        call.resume();
      });
    },
  });
  const source = endlessSource();
  const answer = await client.create({ requestId: "r" }, source);
  assert.equal(answer.snapshot?.config?.name, "before");
  await source.stopped;
});

test("a source that fails cancels the upload, commits nothing, and its error is thrown", async (t) => {
  const cases: (string | undefined)[] = [];
  let cancelled: (() => void) | undefined;
  const cancelSeen = new Promise<void>((resolve) => (cancelled = resolve));
  const { client } = await startRawServer(t, methods, {
    Create: (call: CreateCall) => {
      call.on("data", (request: CreateRequest) => cases.push(request.frame.case));
      call.on("cancelled", () => cancelled?.());
    },
  });
  const broken = new Error("the disk went away");
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(600_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    throw broken;
  }
  await assert.rejects(client.create({}, failing()), (error) => error === broken);
  await cancelSeen;
  assert.ok(!cases.includes("commit"));
});

test("aborting the signal ends the upload with CALL_CANCELLED and stops the source", async (t) => {
  const { client } = await startRawServer(t, methods, {
    Create: (call: CreateCall) => void call.resume(),
  });
  const source = endlessSource();
  const controller = new AbortController();
  const created = client.create({}, source, { signal: controller.signal });
  while (source.pulled < 2_000_000) await new Promise(setImmediate);
  controller.abort();
  await assert.rejects(created, (error) => isStoreError(error, "CALL_CANCELLED"));
  await source.stopped;
  await assert.rejects(client.create({}, source, { signal: controller.signal }), (error) =>
    isStoreError(error, "CALL_CANCELLED"),
  );
});

test("a daemon that is killed in the middle of an upload is reported", async (t) => {
  const server = await startRawServer(t, methods, {
    Create: (call: CreateCall) => void call.resume(),
  });
  const source = endlessSource();
  const created = server.client.create({}, source);
  while (source.pulled < 2_000_000) await new Promise(setImmediate);
  server.kill();
  await assert.rejects(created, (error) => isStoreError(error, "DAEMON_UNREACHABLE"));
  await source.stopped;
});

async function* toStream(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}
