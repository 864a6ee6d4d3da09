// Tests uploads that end before their commit: the caller's error, the line in the audit log, and
// the free name.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { connect as connectHttp2, constants, type ClientHttp2Stream } from "node:http2";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { pino } from "pino";
import { CreateRequestSchema } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { createFromLocalDirectory } from "../../src/client/index.js";
import { collect, makeSmallSource, packDirectory } from "../store/contents.js";
import { eventually } from "../support/eventually.js";
import { startScene } from "./callers.js";

interface Line {
  readonly audit?: boolean;
  readonly name?: string;
  readonly outcome?: string;
}

/** Opens a gRPC stream of Create directly on HTTP/2. */
function openCreate(socket: string): ClientHttp2Stream & AsyncDisposable {
  const path = socket.replace("unix:", "");
  const session = connectHttp2("http://localhost", { createConnection: () => connectSocket(path) });
  const stream = session.request({
    ":method": "POST",
    ":path": "/stasis.v1.SnapshotService/Create",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined).resume();
  const close = async (): Promise<void> => {
    session.destroy();
    await once(session, "close").catch(() => undefined);
  };
  return Object.assign(stream, { [Symbol.asyncDispose]: close });
}

function prefixed(length: number, message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

function header(name: string): Buffer {
  const frame = { case: "header", value: { config: { name } } } as const;
  const message = toBinary(CreateRequestSchema, create(CreateRequestSchema, { frame }));
  return prefixed(message.length, message);
}

function chunk(bytes: Uint8Array): Buffer {
  const frame = { case: "chunk", value: bytes } as const;
  const message = toBinary(CreateRequestSchema, create(CreateRequestSchema, { frame }));
  return prefixed(message.length, message);
}

test("a cancelled upload is never reported as a wrong order of frames", async (t) => {
  const lines: Line[] = [];
  const logger = pino({}, { write: (text) => void lines.push(JSON.parse(text) as Line) });
  const scene = await startScene(t, { logger });
  const tar = await collect(packDirectory(await makeSmallSource(join(scene.scratch, "source"))));
  const outcomeOf = (name: string) =>
    eventually(
      `the audit of ${name}`,
      () => lines.find((line) => line.audit === true && line.name === name)?.outcome,
    );
  for (const [name, waitMs] of [
    ["at-once", 0],
    ["later", 40],
  ] as const) {
    await using stream = openCreate(scene.address);
    stream.write(Buffer.concat([header(name), chunk(tar.subarray(0, 600))]));
    await pause(50);
    // The stream ends in one packet and is reset in another, as Node's HTTP/2 does.
    stream.end();
    await pause(waitMs);
    stream.close(constants.NGHTTP2_CANCEL);
    assert.equal(await outcomeOf(name), "CALL_CANCELLED", name);
  }
  await using stream = openCreate(scene.address);
  stream.end(Buffer.concat([header("cut"), chunk(tar.subarray(0, 600))]));
  assert.equal(await outcomeOf("cut"), "FRAME_ORDER_INVALID");
});

test("the refusal of a message that is too large comes after the name of its upload is free", async (t) => {
  const scene = await startScene(t);
  const client = scene.client(scene.address);
  const source = await makeSmallSource(join(scene.scratch, "source"));
  const tar = await collect(packDirectory(source));
  const staging = join(scene.root, "staging");
  for (let round = 0; round < 5; round += 1) {
    await using stream = openCreate(scene.address);
    // A refusal has its status in the headers of the response.
    const response = once(stream, "response");
    stream.write(Buffer.concat([header("same"), chunk(tar.subarray(0, 600))]));
    // The name is not reserved before the upload has begun.
    await eventually("an upload", async () => (await readdir(staging)).length > 0);
    stream.write(prefixed(100 * 1024 * 1024, Buffer.alloc(0)));
    const [{ "grpc-status": status }] = (await response) as [Record<string, string>];
    assert.equal(status, "8", "RESOURCE_EXHAUSTED");
    await createFromLocalDirectory(client, source, { config: { name: "same" } });
    await client.delete("same");
  }
});
