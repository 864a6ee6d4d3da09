// Every reason that SnapshotService can answer with today, provoked for real over TCP and read from
// `grpc-status-details-bin`.
import assert from "node:assert/strict";
import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { DescMessage, DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import { SnapshotService } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { ReplicationService } from "../../gen/ts/stasis/v1/replication_service_pb.js";
import { codeOfReason, type ErrorReason } from "../../src/base/errors.js";
import { encodeEnvelope } from "../../src/archive/envelope.js";
import { writeTar } from "../../src/archive/tar-writer.js";
import { connect, type Client } from "../../src/client/index.js";
import { emptyConfig } from "../../src/model/config.js";
import { startTestDaemon } from "../support/daemon.js";
import { eventually } from "../support/eventually.js";
import { cannotMount, withFilesystem } from "../support/scratch.js";
import { callForStatus, type CallStatus } from "../support/status-call.js";
import {
  collect,
  createGate,
  entriesOf,
  heldBack,
  kib,
  makeSmallSource,
  mib,
  packDirectory,
} from "./contents.js";

const { method: rpc } = SnapshotService;

interface Scene {
  readonly address: string;
  readonly client: Client;
  readonly root: string;
  readonly scratch: string;
  /** The tar that makes a small snapshot. */
  readonly tar: Uint8Array;
  call<I extends DescMessage>(
    method: DescMethod & { readonly input: I },
    ...requests: readonly MessageInitShape<I>[]
  ): Promise<CallStatus>;
}

async function openScene(
  t: TestContext,
  flags: Readonly<Record<string, string | number>> = {},
): Promise<Scene> {
  const { address, root, scratch } = await startTestDaemon(t, flags);
  const client = connect(address);
  t.after(() => client.close());
  const tar = await collect(packDirectory(await makeSmallSource(join(scratch, "source"))));
  const call: Scene["call"] = (method, ...requests) => callForStatus(address, method, requests);
  return { address, client, root, scratch, tar, call };
}

type Frame = NonNullable<MessageInitShape<(typeof rpc.create)["input"]>["frame"]>;
/** The frames that Create and Import share. */
type DataFrame = Extract<Frame, { case: "chunk" | "commit" }>;

const header = (name = ""): { frame: Frame } => ({
  frame: { case: "header", value: { config: { name } } },
});
const chunk = (value: Uint8Array): { frame: DataFrame } => ({ frame: { case: "chunk", value } });
const commit = (bytes: number, crc32?: number): { frame: DataFrame } => ({
  frame: {
    case: "commit",
    value: { totalBytes: BigInt(bytes), ...(crc32 === undefined ? {} : { crc32 }) },
  },
});

/** What a case expects beside code, domain and reason. */
type Expected = Partial<
  Pick<CallStatus, "fields" | "resource" | "hasPrecondition"> & { retry: boolean }
>;

const covered = new Set<ErrorReason>();

function expectStatus(status: CallStatus, reason: ErrorReason, expected: Expected = {}): void {
  covered.add(reason);
  assert.equal(status.reason, reason, status.message);
  assert.equal(status.domain, "stasis.v1");
  assert.equal(status.code, codeOfReason[reason]);
  assert.ok(status.message.length > 20, status.message);
  assert.ok(status.detailsBytes > 0 && status.detailsBytes <= 4096);
  const { retry, ...plain } = expected;
  for (const [key, value] of Object.entries(plain)) {
    assert.deepEqual(status[key as keyof typeof plain], value, `${key} of ${reason}`);
  }
  assert.equal(status.retryAfterMs !== undefined, retry ?? false, `RetryInfo of ${reason}`);
}

async function nothingHalfMade({ root, client }: Scene, snapshots: number): Promise<void> {
  assert.deepEqual(await entriesOf(root, "staging"), []);
  assert.equal((await entriesOf(root, "data")).length, snapshots);
  assert.equal((await client.list()).totalSize, BigInt(snapshots));
}

test("uploads that are not as they should be", async (t) => {
  const scene = await openScene(t);
  const { tar, call } = scene;
  const create = rpc.create;

  expectStatus(await call(create, header("no spaces")), "FIELD_INVALID", {
    fields: ["header.config.name"],
  });
  expectStatus(await call(create), "FRAME_ORDER_INVALID");
  expectStatus(await call(create, chunk(tar)), "FRAME_ORDER_INVALID");
  expectStatus(await call(create, header(), header()), "FRAME_ORDER_INVALID");
  expectStatus(await call(create, header(), chunk(tar)), "FRAME_ORDER_INVALID");
  const late = await call(create, header(), chunk(tar), commit(tar.length), chunk(tar));
  expectStatus(late, "FRAME_ORDER_INVALID");
  const short = await call(create, header(), chunk(tar), commit(tar.length + 1));
  expectStatus(short, "CHECKSUM_MISMATCH");
  const wrong = await call(create, header(), chunk(tar), commit(tar.length, 1));
  expectStatus(wrong, "CHECKSUM_MISMATCH");
  const noise = new Uint8Array(2048).fill(7);
  expectStatus(await call(create, header(), chunk(noise), commit(2048)), "ARCHIVE_INVALID");
  const cut = tar.subarray(0, tar.length - 700);
  expectStatus(await call(create, header(), chunk(cut), commit(cut.length)), "ARCHIVE_INVALID");
  const plain = await call(
    rpc.import,
    { frame: { case: "header", value: {} } },
    chunk(tar),
    commit(tar.length),
  );
  expectStatus(plain, "ENVELOPE_MISSING");
  const envelope = Buffer.from(
    Buffer.from(encodeEnvelope(emptyConfig(), []))
      .toString()
      .replace('"version": 1', '"version": 9')
      .replace('"version":1', '"version":9'),
  );
  const future = await collect(writeTar([], { envelope }));
  const imported = await call(
    rpc.import,
    { frame: { case: "header", value: {} } },
    chunk(future),
    commit(future.length),
  );
  expectStatus(imported, "ENVELOPE_VERSION_UNSUPPORTED");
  const huge = await collect(writeTar([], { envelope: new Uint8Array(17 * mib).fill(32) }));
  const pieces = Array.from({ length: Math.ceil(huge.length / (512 * kib)) }, (_, index) =>
    chunk(huge.subarray(index * 512 * kib, (index + 1) * 512 * kib)),
  );
  const tooLarge = await call(
    rpc.import,
    { frame: { case: "header", value: {} } },
    ...pieces,
    commit(huge.length),
  );
  expectStatus(tooLarge, "LIMIT_EXCEEDED");
  await nothingHalfMade(scene, 0);
});

test("names, ids and refs", async (t) => {
  const scene = await openScene(t);
  const { client, tar, call, address } = scene;
  const upload = [header("web"), chunk(tar), commit(tar.length)] as const;
  assert.equal((await call(rpc.create, ...upload)).code, "OK");
  const taken = await call(rpc.create, ...upload);
  const { snapshot } = await client.inspect("web");
  const id = snapshot?.config?.id ?? "";
  expectStatus(taken, "SNAPSHOT_NAME_TAKEN", { resource: "snapshot web" });
  assert.equal(taken.metadata["snapshot_id"], id);
  const missing = await call(rpc.inspect, { ref: "nobody" });
  expectStatus(missing, "SNAPSHOT_NOT_FOUND", { resource: "snapshot nobody" });
  expectStatus(await call(rpc.delete, { refs: ["web", "nobody"] }), "SNAPSHOT_NOT_FOUND");
  expectStatus(await call(rpc.list, { pageToken: "no-token" }), "PAGE_TOKEN_INVALID");
  expectStatus(await call(rpc.list, { pageSize: -1 }), "FIELD_INVALID", { fields: ["page_size"] });

  const requestId = "0d3f0a52-7e2e-4b0a-9d43-0a2f6d0b9e11";
  const once = (name: string): { frame: Frame } => ({
    frame: { case: "header", value: { config: { name }, requestId } },
  });
  const first = [once("first"), chunk(tar), commit(tar.length)] as const;
  assert.equal((await call(rpc.create, ...first)).code, "OK");
  expectStatus(
    await call(rpc.create, once("other"), chunk(tar), commit(tar.length)),
    "REQUEST_ID_REUSED",
  );
  const running = "7d9b1ad4-6d6a-4d59-8f0e-3f2b0a6f1c22";
  const gate = createGate();
  const slow = client.create({ requestId: running }, heldBack(tar, gate));
  await eventually("an upload", async () => (await entriesOf(scene.root, "staging")).length > 0);
  const again = await call(rpc.create, {
    frame: { case: "header", value: { requestId: running } },
  });
  expectStatus(again, "OPERATION_IN_PROGRESS", { retry: true });
  gate.open();
  await slow;

  const ids: string[] = [];
  for (let count = 0; !sharePrefix(ids); count += 1) {
    assert.ok(count < 400, "400 ids share no prefix of three characters");
    const made = await client.create({}, stream(tar));
    ids.push(made.snapshot?.config?.id ?? "");
  }
  const ambiguous = await call(rpc.inspect, { ref: ids.at(-1)?.slice(0, 3) ?? "" });
  expectStatus(ambiguous, "AMBIGUOUS_REF", { hasPrecondition: true });

  await using lease = await client.openDataDirectory("web");
  assert.ok(lease.directory.includes(id));
  const inUse = await callForStatus(address, rpc.delete, [{ refs: ["web"] }]);
  expectStatus(inUse, "SNAPSHOT_IN_USE", { hasPrecondition: true, resource: `snapshot ${id}` });
});

/** Whether the last of the ids begins like another one. */
function sharePrefix(ids: readonly string[]): boolean {
  const last = ids.at(-1)?.slice(0, 3);
  return last !== undefined && ids.slice(0, -1).some((id) => id.startsWith(last));
}

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

test("directories of the daemon's node", async (t) => {
  const { client, tar, call, scratch } = await openScene(t);
  await client.create({ config: { name: "web" } }, stream(tar));
  const nowhere = join(scratch, "nowhere");
  const absent = await call(rpc.createFromDirectory, { directory: nowhere });
  expectStatus(absent, "DIRECTORY_NOT_FOUND");
  assert.ok(absent.message.includes(nowhere), absent.message);
  const full = join(scratch, "full");
  await mkdir(full);
  await writeFile(join(full, "something"), "");
  const status = await call(rpc.exportToDirectory, { ref: "web", directory: full });
  expectStatus(status, "DIRECTORY_NOT_EMPTY", { hasPrecondition: true });
  expectStatus(await call(rpc.importFromDirectory, { directory: full }), "ENVELOPE_MISSING");
});

const noTmpfs = cannotMount("tmpfs");

test("a directory on another filesystem stays where it is", { skip: noTmpfs }, async (t) => {
  const { call } = await openScene(t);
  await withFilesystem("tmpfs", 8, async (mountPoint) => {
    const directory = await makeSmallSource(join(mountPoint, "vm"));
    const before = await readdir(directory);
    const status = await call(rpc.createFromDirectory, { directory });
    expectStatus(status, "CROSS_FILESYSTEM", { hasPrecondition: true });
    assert.deepEqual(await readdir(directory), before);
  });
});

test("a full disk refuses an upload and keeps nothing of it", { skip: noTmpfs }, async (t) => {
  await withFilesystem("tmpfs", 24, async (mountPoint) => {
    await t.test("upload", async (inner) => {
      const scene = await openScene(inner, { root: join(mountPoint, "root") });
      const source = join(scene.scratch, "large");
      await mkdir(source);
      await writeFile(join(source, "memory"), Buffer.alloc(40 * mib, 1));
      const tar = await collect(packDirectory(source));
      const pieces = Array.from({ length: Math.ceil(tar.length / mib) }, (_, index) =>
        chunk(tar.subarray(index * mib, (index + 1) * mib)),
      );
      const root = join(mountPoint, "root");
      const status = await scene.call(rpc.create, header(), ...pieces, commit(tar.length));
      expectStatus(status, "STORAGE_FULL");
      await nothingHalfMade({ ...scene, root }, 0);
      assert.equal(
        (await scene.call(rpc.create, header("small"), chunk(scene.tar), commit(scene.tar.length)))
          .code,
        "OK",
      );
    });
  });
});

test("more streams than are allowed", async (t) => {
  const { client, tar, call, root } = await openScene(t, { "max-streams": 1 });
  const gate = createGate();
  const slow = client.create({}, heldBack(tar, gate));
  await eventually("an upload", async () => (await entriesOf(root, "staging")).length > 0);
  expectStatus(await call(rpc.create, header()), "TOO_MANY_STREAMS", { retry: true });
  gate.open();
  await slow;
});

test("stored data that was damaged behind the daemon's back", async (t) => {
  const { client, tar, call, root } = await openScene(t);
  const { snapshot } = await client.create({ config: { name: "web" } }, stream(tar));
  const id = snapshot?.config?.id ?? "";
  await truncate(join(root, "data", id, "files", "state.json"), 1);
  expectStatus(await call(rpc.restore, { ref: "web" }), "STORED_DATA_CORRUPT", {
    resource: `snapshot ${id}`,
  });
  expectStatus(await call(rpc.export, { ref: "web" }), "STORED_DATA_CORRUPT");
  assert.ok((await client.inspect("web")).snapshot?.corrupt, "it is listed, and marked");
});

test("what is not built says so", async (t) => {
  const { call } = await openScene(t);
  for (const method of ReplicationService.methods) {
    expectStatus(await call(method, {}), "NOT_IMPLEMENTED");
  }
});

/** Reasons that this service does not send, each with why or with the test that has it. */
const elsewhere: Partial<Record<ErrorReason, string>> = {
  SNAPSHOT_ID_TAKEN: "ids are random: catalog/uploads.test.ts makes one collide",
  GC_SESSION_NOT_FOUND: "gc-cycle.test.ts",
  GC_REFERENCES_INCOMPLETE: "gc-cycle.test.ts",
  GC_LOCK_BUSY: "gc-cycle.test.ts",
  GC_SESSION_FENCED: "gc-cycle.test.ts",
  BLOCKED_BY_GC: "gc-cycle.test.ts",
  ROOT_LOCKED: "a start that fails: recovery.test.ts",
  DRAINING: "drain.test.ts",
  DAEMON_UNREACHABLE: "made by the client",
  DOWNLOAD_TRUNCATED: "made by the client",
  UNRECOGNIZED: "made by the client",
  CREDENTIALS_INVALID: "there are no identities yet",
  ROLE_INSUFFICIENT: "there are no identities yet",
  CALL_CANCELLED: "transport/streams.test.ts",
  DEADLINE_PASSED: "transport/streams.test.ts",
  IO_FAILED: "needs a failing disk: data/publish-order.test.ts",
  INTERNAL: "transport/errors.test.ts",
};

test("no reason is left out", { skip: noTmpfs }, () => {
  const all = Object.keys(codeOfReason) as ErrorReason[];
  assert.deepEqual(
    all.filter((reason) => !covered.has(reason) && elsewhere[reason] === undefined),
    [],
  );
  assert.deepEqual(
    Object.keys(elsewhere).filter((reason) => covered.has(reason as ErrorReason)),
    [],
  );
});
