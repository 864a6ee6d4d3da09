// Tests staging: uploads, copies and directories before they are published, and their removal.
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import {
  appendFile,
  chmod,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isStoreError } from "../../../src/base/errors.js";
import { readBlockTable } from "../../../src/files/block-table-codec.js";
import { rootDigest } from "../../../src/files/block-table.js";
import { openLayout, type Layout } from "../../../src/files/layout.js";
import { readManifest, snapshotDigest } from "../../../src/files/manifest.js";
import { moveToTrash, purgeStaging, purgeTrash, quarantine } from "../../../src/files/removal.js";
import { openStaging } from "../../../src/files/staging.js";
import { newSnapshotId } from "../../../src/model/name.js";
import { failsWith } from "../../support/errors.js";
import {
  allocatedBytesOf,
  cannotMount,
  compareFiles,
  extentsOf,
  makeSparseFile,
  patternBytes,
  withFilesystem,
  withScratchDir,
} from "../../support/scratch.js";
import { chunkOf } from "../../support/chunks.js";
import { manifestOf, storeSnapshot, treeOf, upload, withStore } from "./support.js";

const mib = 1024 ** 2;
const gib = 1024 ** 3;

/** Makes a directory as a hypervisor leaves it, with a memory image with holes and a small file. */
async function makeSource(directory: string): Promise<string> {
  const source = join(directory, "source");
  await mkdir(source, { mode: 0o755 });
  await makeSparseFile(join(source, "memory"), 6 * gib, [
    { offset: mib, bytes: patternBytes(2 * mib, 1) },
    { offset: 5 * gib, bytes: patternBytes(mib, 2) },
  ]);
  await writeFile(join(source, "state.json"), "{}", { mode: 0o600 });
  return source;
}

const everything = [
  "",
  "/blocks",
  "/blocks/0000.blk",
  "/blocks/0001.blk",
  "/files",
  "/files/config.json",
  "/files/memory",
  "/manifest.json",
];

test("publishing stores a manifest, block tables and the files, and no other file remains", () =>
  withStore(async (layout) => {
    const { id, files } = await storeSnapshot(layout);
    assert.deepEqual(await treeOf(layout.root), [
      "data",
      ...everything.map((path) => `data/${id}${path}`),
      "quarantine",
      "staging",
      "transfers",
      "trash",
    ]);
    const manifest = await readManifest(layout, id);
    assert.deepEqual(manifest.files, files);
    assert.equal(manifest.digest, snapshotDigest(files));
    for (const [index, file] of manifest.files.entries()) {
      const path = join(layout.dataDirectory(id), "blocks", `000${index}.blk`);
      assert.equal(rootDigest(await readBlockTable(path)), file.digest);
      const stored = join(layout.filesDirectory(id), file.name);
      assert.equal(await allocatedBytesOf(stored), file.allocatedBytes);
      assert.equal((await stat(stored)).mode & 0o777, 0o440, "read-only, whatever mode it had");
    }
    assert.deepEqual(
      manifest.files.map(({ mode }) => mode),
      [0o644, 0o640],
    );
    assert.equal((await stat(layout.filesDirectory(id))).mode & 0o777, 0o550);
  }));

test("disposing removes everything that is not yet published and recorded", () =>
  withStore(async (layout) => {
    const before = await treeOf(layout.root);
    {
      await using staging = await openStaging(layout, newSnapshotId());
      await upload(staging, "done", Buffer.from("x"));
      const options = { mode: 0o644, sizeBytes: 10 * mib, detectZeros: false };
      const half = await staging.createFile("half", options);
      await half.write(0, chunkOf(patternBytes(mib, 1)));
    }
    assert.deepEqual(await treeOf(layout.root), before);
    {
      const id = newSnapshotId();
      await using staging = await openStaging(layout, id);
      const file = await upload(staging, "done", Buffer.from("x"));
      await staging.publish(manifestOf(id, [file]));
      assert.equal((await readManifest(layout, id)).id, id);
    }
    assert.deepEqual(await treeOf(layout.root), before);
  }));

test("a discarded file leaves no bytes, but its name cannot be used again", () =>
  withStore(async (layout) => {
    await using staging = await openStaging(layout, newSnapshotId());
    {
      const options = { mode: 0o644, sizeBytes: 10, detectZeros: false };
      await using file = await staging.createFile("a", options);
      await file.write(0, chunkOf(Buffer.alloc(5)));
    }
    const files = join(layout.stagingDirectory(staging.id), "files");
    assert.deepEqual(await readdir(files), []);
    await assert.rejects(upload(staging, "a", Buffer.from("x")), { reason: "ARCHIVE_INVALID" });
    await assert.rejects(upload(staging, "a/b", Buffer.from("x")), { reason: "ARCHIVE_INVALID" });
    await assert.rejects(upload(staging, "..", Buffer.from("x")), { reason: "ARCHIVE_INVALID" });
  }));

test("an id is staged once and published once, and its name is never replaced", () =>
  withStore(async (layout) => {
    const { id } = await storeSnapshot(layout);
    await using again = await openStaging(layout, id);
    await assert.rejects(openStaging(layout, id), { reason: "IO_FAILED", message: /EEXIST/ });
    const file = await upload(again, "other", Buffer.from("x"));
    // The id already belongs to another snapshot, which disposing `again` must not remove.
    await assert.rejects(again.publish(manifestOf(id, [file])), { message: /EEXIST/ });
    await assert.rejects(again.publish(manifestOf(id, [file])), /is publishing/);
    await again[Symbol.asyncDispose]();
    assert.deepEqual((await readManifest(layout, id)).files.length, 2);
    assert.deepEqual(await readdir(layout.stagingRoot), []);
  }));

test("a manifest that lists other files than those staged is not published", () =>
  withStore(async (layout) => {
    const id = newSnapshotId();
    await using staging = await openStaging(layout, id);
    const file = await upload(staging, "a", Buffer.from("x"));
    await assert.rejects(staging.publish(manifestOf(id, [{ ...file, sizeBytes: 2 }])), {
      reason: "INTERNAL",
    });
    assert.deepEqual(await readdir(layout.dataRoot), []);
  }));

test("a snapshot of many files is stored with few files open at once", () =>
  withStore(async (layout) => {
    const id = newSnapshotId();
    await using staging = await openStaging(layout, id);
    const files = [];
    for (let index = 0; index < 100; index += 1) {
      files.push(await upload(staging, `file-${index}`, Buffer.from(String(index))));
      assert.ok(openFilesBelow(layout) <= 40, "files are closed on the way");
    }
    await staging.publish(manifestOf(id, files));
    staging.recorded();
    assert.equal(openFilesBelow(layout), 0);
    assert.equal(await readFile(join(layout.filesDirectory(id), "file-42"), "utf8"), "42");
  }));

function openFilesBelow(layout: Layout): number {
  const targets = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "the descriptor that listed the directory";
    }
  });
  return targets.filter((target) => target.startsWith(layout.root)).length;
}

test(
  "an upload to a full disk is STORAGE_FULL and leaves nothing behind",
  { skip: cannotMount("tmpfs") },
  () =>
    withFilesystem("tmpfs", 4, async (mountPoint) => {
      const layout = await openLayout(join(mountPoint, "root"));
      const before = await treeOf(layout.root);
      const uploading = async (): Promise<void> => {
        await using staging = await openStaging(layout, newSnapshotId());
        await upload(staging, "memory", patternBytes(8 * mib, 1));
      };
      await assert.rejects(uploading(), { reason: "STORAGE_FULL" });
      assert.deepEqual(await treeOf(layout.root), before);
    }),
);

test("a copied file has the same bytes, holes and digest, and the source is unchanged", () =>
  withStore(async (layout, directory) => {
    const source = await makeSource(directory);
    const id = newSnapshotId();
    await using staging = await openStaging(layout, id);
    const memory = await staging.copyFileFrom(join(source, "memory"), "memory", { mode: 0o4600 });
    assert.equal(memory.mode, 0o600);
    assert.ok(memory.allocatedBytes < 4 * mib);
    await staging.publish(manifestOf(id, [memory]));
    staging.recorded();
    await compareFiles(join(layout.filesDirectory(id), "memory"), join(source, "memory"));

    // If the same bytes are uploaded, the digest is the same, whatever the holes are.
    await using other = await openStaging(layout, newSnapshotId());
    const options = { mode: 0o600, sizeBytes: 6 * gib, detectZeros: true };
    await using file = await other.createFile("memory", options);
    await file.write(mib - 10_000, chunkOf(Buffer.alloc(10_000)));
    await file.write(mib, chunkOf(patternBytes(2 * mib, 1)));
    await file.write(5 * gib, chunkOf(patternBytes(mib, 2)));
    assert.equal((await file.finish()).digest, memory.digest);
  }));

test("a directory is taken over by rename, and hashed on request", () =>
  withStore(async (layout, directory) => {
    const source = await makeSource(directory);
    const extents = await extentsOf(join(source, "memory"));
    const { ino } = await stat(join(source, "memory"));
    const id = newSnapshotId();
    {
      await using staging = await openStaging(layout, id);
      const blank = await staging.adoptDirectory({ path: `${source}/` });
      assert.deepEqual(
        blank.map(({ name, sizeBytes, mode, digest }) => [name, sizeBytes, mode, digest]),
        [
          ["memory", 6 * gib, 0o600, ""],
          ["state.json", 2, 0o600, ""],
        ],
      );
      const files = await staging.hashFiles();
      assert.ok(files.every(({ digest }) => digest.startsWith("sha256:")));
      await staging.publish(manifestOf(id, files));
      staging.recorded();
    }
    assert.deepEqual(await readdir(directory), ["root"]);
    assert.deepEqual((await readdir(layout.dataDirectory(id))).sort(), [
      "blocks",
      "files",
      "manifest.json",
    ]);
    const memory = join(layout.filesDirectory(id), "memory");
    assert.equal((await stat(memory)).ino, ino);
    assert.deepEqual(await extentsOf(memory), extents);
  }));

test("a directory that was taken over returns to its place unless it is recorded", () =>
  withStore(async (layout, directory) => {
    const source = await makeSource(directory);
    const before = await treeOf(directory);
    for (const published of [false, true]) {
      const id = newSnapshotId();
      await using staging = await openStaging(layout, id);
      const files = await staging.adoptDirectory({ path: source });
      assert.deepEqual(await readdir(directory), ["root"]);
      if (published) await staging.publish(manifestOf(id, files));
      await staging[Symbol.asyncDispose]();
      assert.deepEqual(await treeOf(directory), before);
    }
    assert.equal(await readFile(join(source, "state.json"), "utf8"), "{}");
  }));

test("a file with other hard links stays with them, and the snapshot gets a copy", () =>
  withStore(async (layout, directory) => {
    const source = await makeSource(directory);
    const extents = await extentsOf(join(source, "memory"));
    const other = join(directory, "other");
    await link(join(source, "memory"), other);
    const { ino, mode } = await stat(other);
    const id = newSnapshotId();
    let reservedBytes = 0;
    {
      await using staging = await openStaging(layout, id);
      const reserve = (bytes: number): Promise<void> => {
        reservedBytes += bytes;
        return Promise.resolve();
      };
      const files = await staging.adoptDirectory({ path: source }, { reserve });
      assert.deepEqual(
        files.map(({ name, sizeBytes, mode: kept }) => [name, sizeBytes, kept]),
        [
          ["memory", 6 * gib, 0o600],
          ["state.json", 2, 0o600],
        ],
      );
      await staging.publish(manifestOf(id, files));
      staging.recorded();
    }
    assert.ok(reservedBytes > 0, "room for the copy is asked for");
    assert.deepEqual((await readdir(directory)).sort(), ["other", "root"]);
    const stored = join(layout.filesDirectory(id), "memory");
    const found = await stat(stored);
    assert.notEqual(found.ino, ino);
    assert.deepEqual([found.nlink, found.mode & 0o777], [1, 0o440]);
    assert.deepEqual(await extentsOf(stored), extents);
    await compareFiles(stored, other);
    const left = await stat(other);
    assert.deepEqual(
      [left.ino, left.mode, left.nlink],
      [ino, mode, 1],
      "the other name is as before",
    );
    assert.deepEqual((await readdir(layout.dataDirectory(id))).sort(), [
      "blocks",
      "files",
      "manifest.json",
    ]);
  }));

test("a directory with linked files returns with the same files unless it is recorded", () =>
  withStore(async (layout, directory) => {
    const source = await makeSource(directory);
    await link(join(source, "memory"), join(directory, "other"));
    const before = await treeOf(directory);
    const { ino } = await stat(join(source, "memory"));
    for (const published of [false, true]) {
      const id = newSnapshotId();
      await using staging = await openStaging(layout, id);
      const files = await staging.adoptDirectory({ path: source });
      if (published) await staging.publish(manifestOf(id, files));
      await staging[Symbol.asyncDispose]();
      assert.deepEqual(await treeOf(directory), before);
      const back = await stat(join(source, "memory"));
      assert.deepEqual([back.ino, back.nlink], [ino, 2]);
    }
  }));

test("a linked file that changes after its copy is refused, and its directory returns", () =>
  withStore(async (layout, directory) => {
    const source = await makeSource(directory);
    await link(join(source, "memory"), join(directory, "other"));
    await link(join(source, "state.json"), join(directory, "another"));
    let calls = 0;
    const reserve = async (): Promise<void> => {
      calls += 1;
      // The first file has been copied at this point.
      if (calls === 2) await appendFile(join(directory, "other"), "more");
    };
    const adopting = async (): Promise<void> => {
      await using staging = await openStaging(layout, newSnapshotId());
      await staging.adoptDirectory({ path: source }, { reserve });
    };
    const error = await failsWith(adopting(), "FIELD_INVALID");
    assert.match(error.message, /memory/);
    assert.equal((await stat(join(source, "memory"))).size, 6 * gib + 4);
    assert.deepEqual((await readdir(source)).sort(), ["memory", "state.json"]);
  }));

test("a directory that cannot be taken over is unchanged", () =>
  withStore(async (layout, directory) => {
    const source = await makeSource(directory);
    const add = (name: string) => join(source, name);
    const attempts: readonly [string, string, () => Promise<unknown>, string?][] = [
      ["a subdirectory", "ARCHIVE_INVALID", () => mkdir(add("x"))],
      ["a link", "ARCHIVE_INVALID", () => symlink("memory", add("x"))],
      ["an envelope", "ARCHIVE_INVALID", () => writeFile(add("snapshot.json"), "{}")],
      ["a link to it", "FIELD_INVALID", () => symlink(source, join(directory, "x")), "x"],
      ["a file", "FIELD_INVALID", () => writeFile(join(directory, "x"), ""), "x"],
      ["nothing", "DIRECTORY_NOT_FOUND", () => Promise.resolve(), "x"],
      ["the root", "FIELD_INVALID", () => Promise.resolve(), "root"],
      ["a part of the store", "FIELD_INVALID", () => Promise.resolve(), "root/data"],
      ["around the store", "FIELD_INVALID", () => Promise.resolve(), "."],
    ];
    for (const [what, reason, make, path] of attempts) {
      await make();
      const before = await treeOf(directory);
      const adopting = async (): Promise<void> => {
        await using staging = await openStaging(layout, newSnapshotId());
        await staging.adoptDirectory({ path: path === undefined ? source : join(directory, path) });
      };
      await assert.rejects(adopting(), { reason }, what);
      assert.deepEqual(await treeOf(directory), before, what);
      for (const made of [add("x"), add("snapshot.json"), join(directory, "x")]) {
        await rm(made, { recursive: true, force: true });
      }
    }
    await using staging = await openStaging(layout, newSnapshotId());
    await assert.rejects(staging.adoptDirectory({ path: "relative" }), { reason: "FIELD_INVALID" });
  }));

test(
  "a directory on another filesystem is CROSS_FILESYSTEM and unchanged",
  { skip: cannotMount("tmpfs") },
  () =>
    withFilesystem("tmpfs", 16, async (other) => {
      await withStore(async (layout) => {
        const source = await makeSource(other);
        const before = await treeOf(other);
        const empty = await treeOf(layout.root);
        const adopting = async (path: string): Promise<void> => {
          await using staging = await openStaging(layout, newSnapshotId());
          await staging.adoptDirectory({ path });
        };
        await assert.rejects(adopting(source), { reason: "CROSS_FILESYSTEM" });
        await assert.rejects(
          adopting(other),
          (error) => isStoreError(error) && error.hint !== undefined,
          "a mount point",
        );
        assert.deepEqual(await treeOf(other), before);
        assert.deepEqual(await treeOf(layout.root), empty);
      });
    }),
);

test("after a crash, staging is cleared and directories return to their places", () =>
  withStore(async (layout, directory) => {
    const source = await makeSource(directory);
    const before = await treeOf(source);
    const [upload1, adopted, kept] = [newSnapshotId(), newSnapshotId(), newSnapshotId()];
    // The staging is not disposed before the purge, so it looks like the remains of a crash.
    await using staging = await openStaging(layout, upload1);
    await upload(staging, "a", Buffer.from("x"));
    await (await openStaging(layout, adopted)).adoptDirectory({ path: source });
    await openStaging(layout, kept);
    await writeFile(join(layout.stagingRoot, ".reflink-123.from"), "");
    await mkdir(join(layout.stagingRoot, "by hand"));
    const report = await purgeStaging(layout, new Set([kept]));
    const stray = join(layout.quarantineRoot, "by hand");
    assert.deepEqual(
      { ...report, removed: [...report.removed].sort() },
      {
        removed: [upload1, adopted].sort(),
        returned: [{ id: adopted, source }],
        quarantined: [stray],
        left: [],
      },
    );
    assert.deepEqual(await readdir(layout.stagingRoot), [kept]);
    assert.deepEqual(await treeOf(source), before);
    assert.match(await readFile(`${stray}.reason.txt`, "utf8"), /no snapshot id/);
  }));

test("a directory whose original place is taken is kept in quarantine", () =>
  withStore(async (layout, directory) => {
    const source = await makeSource(directory);
    const id = newSnapshotId();
    const staging = await openStaging(layout, id);
    await staging.adoptDirectory({ path: source });
    await mkdir(source);
    await staging[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(source), []);
    const kept = join(layout.quarantineRoot, id);
    assert.deepEqual(await readdir(join(kept, "files")), ["memory", "state.json"]);
    assert.match(await readFile(`${kept}.reason.txt`, "utf8"), /could not be restored: .*EEXIST/);
  }));

test("a snapshot moves to the trash once, and then the trash is emptied", () =>
  withStore(async (layout) => {
    const { id } = await storeSnapshot(layout);
    assert.equal(await moveToTrash(layout, id), true);
    assert.equal(await moveToTrash(layout, id), false);
    assert.deepEqual(await readdir(layout.trashRoot), [id]);
    await chmod(join(layout.trashDirectory(id), "files", "memory"), 0);
    assert.deepEqual(await purgeTrash(layout), [id]);
    assert.deepEqual(await readdir(layout.trashRoot), []);
  }));

test("quarantine keeps every directory, also several with the same name", () =>
  withStore(async (layout) => {
    const path = join(layout.dataRoot, "strange");
    for (const text of ["one", "two"]) {
      await writeFile(path, text);
      const kept = await quarantine(layout, path, `found ${text}`);
      assert.equal(await readFile(kept, "utf8"), text);
      assert.match(await readFile(`${kept}.reason.txt`, "utf8"), new RegExp(`found ${text}`));
    }
    assert.equal((await readdir(layout.quarantineRoot)).length, 4);
  }));

test("a store whose root is renamed still opens its snapshots", () =>
  withScratchDir(async (directory) => {
    const first = await openLayout(join(directory, "first"));
    const { id } = await storeSnapshot(first);
    await rename(first.root, join(directory, "second"));
    const second = await openLayout(join(directory, "second"));
    assert.equal((await readManifest(second, id)).id, id);
  }));
