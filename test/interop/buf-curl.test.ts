// Calls every RPC through `buf curl`, which gets the schema from reflection alone.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { crc32 } from "node:zlib";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { pack } from "tar-stream";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.js";
import { loadDaemonConfig } from "../../src/config/load.js";
import { startDaemon } from "../../src/daemon/daemon.js";
import { createLogger } from "../../src/base/logger.js";
import { withScratchDir } from "../support/scratch.js";

const buf = fileURLToPath(new URL("../../../node_modules/.bin/buf", import.meta.url));

interface Answer {
  /** Contains the messages as JSON, in the order of their arrival. */
  readonly messages: Record<string, unknown>[];
  /** Contains an error of buf: a JSON object with code, message and details. */
  readonly error: string;
}

/** Calls one RPC over a Unix socket. `maxTimeSeconds` ends an endless stream. */
function curl(
  socket: string,
  rpc: string,
  requests: readonly unknown[],
  reflection = "grpc-v1",
  maxTimeSeconds = 30,
): Promise<Answer> {
  const options = [
    "--unix-socket",
    socket,
    "--protocol",
    "grpc",
    "--http2-prior-knowledge",
    "--reflect-protocol",
    reflection,
  ];
  const args = [
    "curl",
    ...options,
    "--timeout",
    `${maxTimeSeconds}s`,
    "-d",
    "@-",
    `http://localhost/${rpc}`,
  ];
  return new Promise((resolve) => {
    const child = execFile(buf, args, { timeout: 60_000 }, (_failure, stdout, stderr) => {
      resolve({ messages: parseDocuments(stdout), error: stderr });
    });
    child.stdin?.end(requests.map((request) => JSON.stringify(request)).join("\n"));
  });
}

/** Splits concatenated JSON documents. The tool prints each message separately, indented or not. */
function parseDocuments(text: string): Record<string, unknown>[] {
  const documents: Record<string, unknown>[] = [];
  let buffer = "";
  for (const line of text.split("\n")) {
    buffer += line;
    try {
      documents.push(JSON.parse(buffer) as Record<string, unknown>);
      buffer = "";
    } catch {
      continue;
    }
  }
  assert.equal(buffer.trim(), "", "not JSON");
  return documents;
}

/** Returns the reason in the google.rpc.ErrorInfo of an error, whose bytes buf prints in base64. */
function reasonOf(error: string): string {
  const { details } = JSON.parse(error) as { details: { type: string; value: string }[] };
  const info = details.find(({ type }) => type === "google.rpc.ErrorInfo");
  return fromBinary(ErrorInfoSchema, Buffer.from(info?.value ?? "", "base64")).reason;
}

async function smallTar(): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: "state.json" }, "{}");
  archive.entry({ name: "memory-ranges" }, Buffer.alloc(8192, 7));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

function uploadFrames(header: unknown, bytes: Buffer): unknown[] {
  return [
    { header },
    { chunk: bytes.subarray(0, 1000).toString("base64") },
    { chunk: bytes.subarray(1000).toString("base64") },
    { commit: { totalBytes: String(bytes.length), crc32: crc32(bytes) } },
  ];
}

void test("every RPC answers in buf curl through reflection", async (t) => {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "store");
    const { config } = loadDaemonConfig({ flags: { root }, env: {} });
    await using daemon = await startDaemon({ config, logger: createLogger("silent") });
    const [address = assert.fail("no address")] = daemon.addresses;
    const socket = address.slice("unix:".length);
    const call = (rpc: string, ...requests: unknown[]) =>
      curl(socket, `stasis.v1.${rpc}`, requests.length === 0 ? [{}] : requests);

    await t.test("buf curl calls SystemService", async () => {
      const { messages, error } = await call("SystemService/GetInfo");
      assert.equal(messages[0]?.["storeType"], "localfile", error);
    });

    await t.test("buf curl calls Create by client streaming with base64 chunks", async () => {
      const frames = uploadFrames({ config: { name: "by-hand" } }, await smallTar());
      const { messages, error } = await call("SnapshotService/Create", ...frames);
      assert.ok(messages[0]?.["snapshot"], error);
    });

    await t.test("buf curl calls List, Inspect and Update", async () => {
      const list = await call("SnapshotService/List", { pageSize: 10 });
      assert.equal(list.messages[0]?.["totalSize"], "1", list.error);
      const inspect = await call("SnapshotService/Inspect", { ref: "by-hand" });
      assert.match(JSON.stringify(inspect.messages), /"memory-ranges"/, inspect.error);
      const update = await call("SnapshotService/Update", {
        ref: "by-hand",
        description: "made with buf",
        updateMask: "description",
      });
      assert.match(JSON.stringify(update.messages), /made with buf/, update.error);
    });

    await t.test(
      "Restore and Export end with a trailer, and Import accepts the export",
      async () => {
        const restore = await call("SnapshotService/Restore", { ref: "by-hand" });
        assert.ok(restore.messages.at(-1)?.["trailer"], restore.error);
        const exported = await call("SnapshotService/Export", {
          ref: "by-hand",
          compression: "COMPRESSION_GZIP",
        });
        assert.ok(exported.messages.at(-1)?.["trailer"], exported.error);
        const chunks = exported.messages.flatMap(({ chunk }) =>
          typeof chunk === "string" ? [Buffer.from(chunk, "base64")] : [],
        );
        const frames = uploadFrames({ name: "copy" }, Buffer.concat(chunks));
        const imported = await call("SnapshotService/Import", ...frames);
        assert.ok(imported.messages[0]?.["snapshot"], imported.error);
      },
    );

    await t.test("buf curl makes the directory calls", async () => {
      const directory = join(scratch, "exported");
      const exported = await call("SnapshotService/ExportToDirectory", { ref: "copy", directory });
      assert.ok(exported.messages[0]?.["snapshot"], exported.error);
      const imported = await call("SnapshotService/ImportFromDirectory", {
        directory,
        name: "from-directory",
      });
      assert.ok(imported.messages[0]?.["snapshot"], imported.error);
      const source = join(root, "..", "vm");
      await mkdir(source);
      await writeFile(join(source, "state.json"), "{}");
      const created = await call("SnapshotService/CreateFromDirectory", { directory: source });
      assert.ok(created.messages[0]?.["snapshot"], created.error);
    });

    await t.test("OpenDataDirectory answers and stays open", async () => {
      const { messages } = await curl(
        socket,
        "stasis.v1.SnapshotService/OpenDataDirectory",
        [{ ref: "copy" }],
        "grpc-v1",
        2,
      );
      assert.match(String(messages[0]?.["directory"]), /\/files$/);
    });

    await t.test("buf curl calls Verify", async () => {
      const { messages, error } = await call("SnapshotService/Verify", { ref: "copy" });
      assert.equal(messages.length, 2, error);
      for (const { verdict } of messages) assert.match(JSON.stringify(verdict), /"intact":true/);
    });

    await t.test("Watch answers, stays open, and continues from a token", async () => {
      const watch = async (request: object): Promise<Record<string, unknown>> => {
        const rpc = "stasis.v1.SnapshotService/Watch";
        const { messages, error } = await curl(socket, rpc, [request], "grpc-v1", 2);
        return messages[0] ?? assert.fail(error);
      };
      const { type, resumeToken } = await watch({});
      assert.equal(type, "EVENT_TYPE_POSITION");
      const updateMask = "description";
      const update = { ref: "copy", description: "watched", updateMask };
      const updated = await call("SnapshotService/Update", update);
      assert.equal(updated.messages.length, 1, updated.error);
      const event = await watch({ resumeToken });
      assert.equal(event["type"], "EVENT_TYPE_UPDATED");
      assert.match(JSON.stringify(event["snapshot"]), /"description":"watched"/);
    });

    await t.test("buf curl calls Delete and decodes the details of an error", async () => {
      const deleted = await call("SnapshotService/Delete", { refs: ["copy"] });
      assert.equal((deleted.messages[0]?.["deletedIds"] as unknown[]).length, 1, deleted.error);
      const { error } = await call("SnapshotService/Inspect", { ref: "copy" });
      assert.equal(reasonOf(error), "SNAPSHOT_NOT_FOUND");
    });

    await t.test("buf curl calls CollectGarbage", async () => {
      const request = { dryRun: true, policy: { evictAll: true } };
      const { messages, error } = await call("GcService/CollectGarbage", request);
      const [{ candidates } = {}] = messages;
      assert.ok(Array.isArray(candidates) && candidates.length > 0, error);
      assert.match(JSON.stringify(candidates), /"GC_OUTCOME_PLANNED"/);
    });

    await t.test("buf curl runs a GC session", async () => {
      const begun = await call("GcService/BeginGc", { owner: "buf" });
      const { sessionId, epoch } = begun.messages[0] ?? assert.fail(begun.error);
      const session = { sessionId, epoch };
      const requestId = "6f1d3c52-7e2e-4b0a-9d43-0a2f6d0b9e11";
      for (const [name, request] of Object.entries({
        ListGcReferences: session,
        ListGcCandidates: session,
        CollectGc: { ...session, ids: ["nothing"], requestId },
        RenewGc: session,
        EndGc: session,
      })) {
        const { messages, error } = await call(`GcService/${name}`, request);
        assert.equal(messages.length, 1, `${name}: ${error}`);
      }
    });

    await t.test("buf curl reads health, and the older reflection", async () => {
      const health = await curl(socket, "grpc.health.v1.Health/Check", [{}], "grpc-v1alpha");
      assert.equal(health.messages[0]?.["status"], "SERVING", health.error);
    });

    await t.test("buf curl reads a manifest, blocks and running transfers", async () => {
      const { messages, error } = await call("ReplicationService/ListTransfers");
      assert.equal(messages.length, 1, error);
      for (const name of ["Pull", "Push", "GetManifest", "ReadTable", "ReadBlocks"]) {
        const refused = await call(`ReplicationService/${name}`);
        assert.match(refused.error, /invalid_argument|not_found/, name);
      }
    });

    await t.test("buf curl lists remotes", async () => {
      const { messages, error } = await call("RemoteService/ListRemotes");
      assert.equal(messages.length, 1, error);
      const refused = await call("RemoteService/CheckRemote");
      assert.match(refused.error, /invalid_argument/);
    });
  });
});
