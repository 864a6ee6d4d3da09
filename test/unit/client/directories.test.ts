// Tests transfers of whole directories through a real daemon. Bytes and holes are restored, and no
// partial result remains.
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import * as grpc from "@grpc/grpc-js";
import {
  connect,
  createFromLocalDirectory,
  exportToLocalDirectory,
  importLocalDirectory,
  isStoreError,
  restoreToLocalDirectory,
  type Client,
  type TransferProgress,
} from "../../../src/client/index.js";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { SystemService } from "../../../gen/ts/stasis/v1/system_service_pb.js";
import { startTestDaemon, type TestDaemon } from "../../support/daemon.js";
import { startRawServer, statusWith } from "./raw-server.js";
import { compareFiles, makeSparseFile, patternBytes } from "../../support/scratch.js";
import { openPastMode } from "../../support/tamper.js";

const mib = 1024 * 1024;
const fileNames = ["config.json", "cow.raw", "empty", "memory", "state.json"];

/** Makes five files: a large one with holes, a dense one, an empty one and two small ones. */
async function makeSnapshotDirectory(directory: string): Promise<void> {
  await mkdir(directory);
  await makeSparseFile(join(directory, "cow.raw"), 5 * 1024 * mib, [
    { offset: 0, bytes: patternBytes(8192, 1) },
    { offset: 3 * mib, bytes: patternBytes(2 * mib, 2) },
    { offset: 4500 * mib, bytes: patternBytes(4096, 3) },
  ]);
  await writeFile(join(directory, "memory"), patternBytes(3 * mib + 17, 4));
  await writeFile(join(directory, "empty"), "");
  await writeFile(join(directory, "config.json"), '{"cpus": 2}\n');
  await writeFile(join(directory, "state.json"), "{}\n");
  await chmod(join(directory, "state.json"), 0o640);
}

interface Setup extends TestDaemon {
  readonly client: Client;
  /** A directory of data files. */
  readonly source: string;
}

async function setUp(t: TestContext, over: "tcp" | "unix" = "tcp"): Promise<Setup> {
  const daemon = await startTestDaemon(t);
  const client = connect(over === "tcp" ? daemon.tcpAddress : daemon.address);
  t.after(() => client.close());
  const source = join(daemon.scratch, "source");
  await makeSnapshotDirectory(source);
  return { ...daemon, client, source };
}

async function assertSameFiles(actual: string, expected: string): Promise<void> {
  for (const name of fileNames) await compareFiles(join(actual, name), join(expected, name));
  const { mode } = await stat(join(actual, "state.json"));
  assert.equal(mode & 0o777, 0o640);
}

for (const over of ["tcp", "unix"] as const) {
  test(`create, restore, export and import of directories work over ${over}`, async (t) => {
    const { client, source, scratch } = await setUp(t, over);
    const reports: TransferProgress[] = [];
    const created = await createFromLocalDirectory(
      client,
      source,
      { config: { name: "vm", hypervisor: "firecracker", storage: 5n * 1024n * 1048576n } },
      { onProgress: (progress) => reports.push(progress) },
    );
    const last = reports.at(-1);
    assert.ok(
      last !== undefined && last.doneBytes === last.totalBytes && last.totalBytes > 5 * mib,
    );
    assert.ok(last.totalBytes < 6 * mib, "holes are not counted");
    assert.deepEqual(
      created.snapshot?.files.map((file) => file.name),
      fileNames,
    );

    const restored = join(scratch, "restored");
    const header = await restoreToLocalDirectory(client, "vm", restored);
    assert.equal(header.snapshot?.config?.hypervisor, "firecracker");
    assert.deepEqual((await readdir(restored)).sort(), fileNames);
    await assertSameFiles(restored, source);

    for (const via of ["auto", "stream"] as const) {
      const exported = join(scratch, `exported-${via}`);
      const done = await exportToLocalDirectory(client, "vm", exported, { via });
      assert.equal(done.snapshot?.config?.name, "vm");
      await assertSameFiles(exported, source);
      const envelope = JSON.parse(await readFile(join(exported, "snapshot.json"), "utf8"));
      assert.equal((envelope as { config: { name: string } }).config.name, "vm");

      const name = `copy-${via}`;
      const imported = await importLocalDirectory(client, exported, { name });
      assert.equal(imported.snapshot?.config?.name, name);
      assert.equal(imported.snapshot?.digest, created.snapshot?.digest);
    }
    assert.deepEqual((await readdir(scratch)).sort(), [
      "exported-auto",
      "exported-stream",
      "restored",
      "root",
      "source",
    ]);
  });
}

test("an empty directory is filled in place, and a non-empty one is refused and left unchanged", async (t) => {
  const { client, source, scratch } = await setUp(t);
  await createFromLocalDirectory(client, source, { config: { name: "vm" } });
  const empty = join(scratch, "empty-target");
  await mkdir(empty, { mode: 0o750 });
  const before = await stat(empty);
  await restoreToLocalDirectory(client, "vm", empty);
  const after = await stat(empty);
  assert.equal(after.ino, before.ino);
  assert.equal(after.mode & 0o777, 0o750);
  assert.deepEqual((await readdir(empty)).sort(), fileNames);

  await assert.rejects(restoreToLocalDirectory(client, "vm", empty), (error) =>
    isStoreError(error, "DIRECTORY_NOT_EMPTY"),
  );
  await assert.rejects(restoreToLocalDirectory(client, "vm", join(scratch, "no/parent")), (error) =>
    isStoreError(error, "DIRECTORY_NOT_FOUND"),
  );
  await assert.rejects(restoreToLocalDirectory(client, "vm", join(source, "empty")), (error) =>
    isStoreError(error, "FIELD_INVALID"),
  );
  await assertSameFiles(empty, source);
});

test("a restore that fails or is cancelled leaves nothing behind", async (t) => {
  const { client, source, scratch } = await setUp(t);
  await createFromLocalDirectory(client, source, { config: { name: "vm" } });
  const absent = join(scratch, "absent");
  const empty = join(scratch, "empty-target");
  await mkdir(empty);
  for (const target of [absent, empty]) {
    await assert.rejects(restoreToLocalDirectory(client, "nobody", target), (error) =>
      isStoreError(error, "SNAPSHOT_NOT_FOUND"),
    );
    const controller = new AbortController();
    const onProgress = ({ doneBytes }: TransferProgress): void => {
      if (doneBytes > mib) controller.abort();
    };
    const { signal } = controller;
    const options = { signal, onProgress };
    await assert.rejects(restoreToLocalDirectory(client, "vm", target, options), (error) =>
      isStoreError(error, "CALL_CANCELLED"),
    );
  }
  assert.deepEqual((await readdir(scratch)).sort(), ["empty-target", "root", "source"]);
  assert.deepEqual(await readdir(empty), []);
});

test("received data is compared with the stored digests, unless disabled", async (t) => {
  const { client, source, scratch, root } = await setUp(t);
  const { snapshot } = await createFromLocalDirectory(client, source, { config: { name: "a" } });
  await using stored = await openPastMode(
    join(root, "data", snapshot?.config?.id ?? "", "files/memory"),
  );
  await stored.write(Buffer.from([1]), 0, 1, 2 * mib);
  const damaged = (error: unknown) => isStoreError(error, "STORED_DATA_CORRUPT");
  // The unverified restore comes first, because the other restores mark the snapshot as damaged.
  await restoreToLocalDirectory(client, { ref: "a", verify: false }, join(scratch, "as it is"));
  await assert.rejects(restoreToLocalDirectory(client, "a", join(scratch, "out")), damaged);
  assert.equal((await client.inspect("a")).snapshot?.corrupt, true);
  await restoreToLocalDirectory(client, { ref: "a", force: true }, join(scratch, "forced"));
  const both = { ref: "a", force: true, verify: true };
  await assert.rejects(restoreToLocalDirectory(client, both, join(scratch, "out")), damaged);
  const via = { via: "stream" } as const;
  await exportToLocalDirectory(client, { ref: "a", force: true }, join(scratch, "exported"), via);
  const left = ["as it is", "exported", "forced", "source"];
  assert.deepEqual((await readdir(scratch)).filter((name) => left.includes(name)).sort(), left);
  assert.ok(!(await readdir(scratch)).includes("out"));
});

for (const over of ["tcp", "unix"] as const) {
  test(`selected files are restored and exported to directories over ${over}`, async (t) => {
    const { client, source, scratch } = await setUp(t, over);
    const created = await createFromLocalDirectory(client, source, { config: { name: "a" } });
    const request = { ref: "a", files: ["memory", "cow.raw"] };
    const restored = join(scratch, "restored");
    const header = await restoreToLocalDirectory(client, request, restored);
    assert.deepEqual(header.files, ["cow.raw", "memory"]);
    assert.deepEqual((await readdir(restored)).sort(), ["cow.raw", "memory"]);
    const exported = join(scratch, "exported");
    await exportToLocalDirectory(client, request, exported);
    assert.deepEqual((await readdir(exported)).sort(), ["cow.raw", "memory", "snapshot.json"]);
    for (const name of request.files) {
      await compareFiles(join(restored, name), join(source, name));
      await compareFiles(join(exported, name), join(source, name));
    }
    const { snapshot: part } = await importLocalDirectory(client, exported, { name: "part" });
    const digestsOf = (files: readonly { name: string; digest: string }[] = []) =>
      files.map(({ name, digest }) => `${name} ${digest}`).filter((line) => /cow|mem/.test(line));
    assert.deepEqual(digestsOf(part?.files), digestsOf(created.snapshot?.files));
    const absent = restoreToLocalDirectory(client, { ref: "a", files: ["x"] }, join(scratch, "x"));
    await assert.rejects(absent, (error) => isStoreError(error, "FIELD_INVALID"));
    assert.ok(!(await readdir(scratch)).includes("x"));
  });
}

test("an export by stream is compared by default", async (t) => {
  const { client, source, scratch, root } = await setUp(t);
  const { snapshot } = await createFromLocalDirectory(client, source, { config: { name: "a" } });
  await using stored = await openPastMode(
    join(root, "data", snapshot?.config?.id ?? "", "files/memory"),
  );
  await stored.write(Buffer.from([1]), 0, 1, 2 * mib);
  for (const via of ["stream", "auto"] as const) {
    await assert.rejects(
      exportToLocalDirectory(client, "a", join(scratch, "out"), { via }),
      (error) => isStoreError(error, "STORED_DATA_CORRUPT"),
    );
  }
});

test("a create that is cancelled is CALL_CANCELLED and stores nothing", async (t) => {
  const { client, source } = await setUp(t);
  const controller = new AbortController();
  const onProgress = ({ doneBytes }: TransferProgress): void => {
    if (doneBytes > mib) controller.abort();
  };
  const options = { signal: controller.signal, onProgress };
  await assert.rejects(createFromLocalDirectory(client, source, {}, options), (error) =>
    isStoreError(error, "CALL_CANCELLED"),
  );
  assert.equal((await client.list()).totalSize, 0n);
});

test("directories that are not snapshots are refused with a hint", async (t) => {
  const { client, source, scratch } = await setUp(t);
  await assert.rejects(importLocalDirectory(client, source), (error) =>
    isStoreError(error, "ENVELOPE_MISSING"),
  );
  await assert.rejects(createFromLocalDirectory(client, join(scratch, "none"), {}), (error) =>
    isStoreError(error, "DIRECTORY_NOT_FOUND"),
  );
  await writeFile(join(source, "snapshot.json"), "{}");
  await assert.rejects(createFromLocalDirectory(client, source, {}), /it is an export/);

  const odd = join(scratch, "odd");
  await mkdir(join(odd, "subdirectory"), { recursive: true });
  await assert.rejects(createFromLocalDirectory(client, odd, {}), (error) => {
    assert.ok(isStoreError(error, "ARCHIVE_INVALID"));
    assert.equal(error.metadata["entry"], "subdirectory");
    return true;
  });
  const linked = join(scratch, "linked");
  await mkdir(linked);
  await symlink("/etc/passwd", join(linked, "disk"));
  await assert.rejects(createFromLocalDirectory(client, linked, {}), /not a regular file/);
  assert.equal((await client.list()).totalSize, 0n);
});

test("if a daemon behind a forwarded port has other files, the archive comes through the stream", async (t) => {
  const { client: real, source, scratch } = await setUp(t);
  await createFromLocalDirectory(real, source, { config: { name: "vm" } });
  const refusal = statusWith(grpc.status.NOT_FOUND, "DIRECTORY_NOT_FOUND", "no such directory");
  const asked: string[] = [];
  const { client } = await startRawServer(
    t,
    [
      SystemService.method.getInfo,
      SnapshotService.method.exportToDirectory,
      SnapshotService.method.export,
    ],
    {
      // This daemon is on another machine. By chance, a directory of the same path exists on this
      // machine and belongs to this user.
      GetInfo: (_call: unknown, answer: grpc.sendUnaryData<unknown>) =>
        answer(null, { root: scratch, features: { directoryExport: true } }),
      ExportToDirectory: (
        call: grpc.ServerUnaryCall<{ directory: string }, unknown>,
        answer: grpc.sendUnaryData<unknown>,
      ) => {
        asked.push(call.request.directory);
        answer(refusal);
      },
      Export: (call: grpc.ServerWritableStream<unknown, unknown>) => {
        void (async () => {
          const download = await real.export("vm");
          call.write({ frame: { case: "header", value: download.header } });
          for await (const value of download.bytes) call.write({ frame: { case: "chunk", value } });
          call.write({ frame: { case: "trailer", value: download.trailer } });
          call.end();
        })();
      },
    },
  );
  const target = join(scratch, "exported");
  await exportToLocalDirectory(client, "vm", target);
  await assertSameFiles(target, source);
  // The client asked for a directory with a random name of this call, which exists on no other
  // machine.
  assert.match(asked[0] ?? "", /\/\.stasis-partial-[0-9a-f]{12}\/files$/);
  assert.deepEqual((await readdir(scratch)).sort(), ["exported", "root", "source"]);
});
