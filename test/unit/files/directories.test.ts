// Tests the directories of stored snapshots, and exports to directories.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmod,
  link,
  mkdir,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { exportFiles } from "../../../src/files/directory-export.js";
import { listDataFiles, maxDataFiles } from "../../../src/files/directory-source.js";
import type { Layout } from "../../../src/files/layout.js";
import { openLayout } from "../../../src/files/layout.js";
import { moveToTrash } from "../../../src/files/removal.js";
import { hashStored } from "../../../src/files/stored-hash.js";
import { openStored, type StoredSnapshot } from "../../../src/files/stored.js";
import { readBlockTable } from "../../../src/files/block-table-codec.js";
import { rootDigest } from "../../../src/files/block-table.js";
import { newSnapshotId } from "../../../src/model/name.js";
import {
  cannotMount,
  compareFiles,
  withFilesystem,
  withScratchDir,
} from "../../support/scratch.js";
import { memoryBytes, storeSnapshot, treeOf, withStore } from "./support.js";
import { pastModes } from "../../support/tamper.js";

test("data files are listed in the byte order of their names, with size and mode", () =>
  withScratchDir(async (directory) => {
    for (const name of ["b", "\u{1f600}", "\uff5e", "B", "snapshot.json", "a b"]) {
      await writeFile(join(directory, name), name);
    }
    await chmod(join(directory, "b"), 0o4751);
    await link(join(directory, "B"), `${directory}-link`);
    const files = await listDataFiles(directory, { ignore: ["snapshot.json"] });
    execFileSync("rm", [`${directory}-link`]);
    assert.deepEqual(
      files.map(({ name }) => name),
      ["B", "a b", "b", "\uff5e", "\u{1f600}"],
    );
    assert.deepEqual(
      files.slice(0, 3).map(({ sizeBytes, linkCount }) => [sizeBytes, linkCount]),
      [
        [1, 2],
        [3, 1],
        [1, 1],
      ],
    );
    assert.equal(files[2]?.mode, 0o751);
  }));

test("an entry that is not a data file is refused by name", () =>
  withScratchDir(async (directory) => {
    const makers: readonly [string, RegExp, (path: string) => unknown][] = [
      ["sub", /a directory, not a regular file/, (path) => mkdir(path)],
      ["link", /a symbolic link, not a regular/, (path) => symlink("/etc/hostname", path)],
      ["pipe", /a named pipe, not a regular/, (path) => execFileSync("mkfifo", [path])],
      ["new\nline", /control character/, (path) => writeFile(path, "")],
    ];
    for (const [name, message, make] of makers) {
      const path = join(directory, name.trim());
      await make(path);
      await assert.rejects(listDataFiles(directory), { reason: "ARCHIVE_INVALID", message });
      execFileSync("rm", ["-rf", path]);
    }
    execFileSync("sh", ["-c", `printf x > "${directory}/$(printf 'bad\\377')"`]);
    await assert.rejects(listDataFiles(directory), {
      reason: "ARCHIVE_INVALID",
      message: /not valid UTF-8/,
    });
  }));

test("a directory that cannot be listed is a mistake of the caller", () =>
  withScratchDir(async (directory) => {
    await writeFile(join(directory, "file"), "");
    for (const [path, reason] of [
      [join(directory, "file"), "FIELD_INVALID"],
      [join(directory, "absent"), "DIRECTORY_NOT_FOUND"],
    ] as const) {
      await assert.rejects(listDataFiles(path), { reason }, path);
    }
    await assert.rejects(listDataFiles(directory, { signal: AbortSignal.abort() }), {
      name: "AbortError",
    });
  }));

test("more files than a snapshot may have are refused", () =>
  withScratchDir(async (directory) => {
    execFileSync("sh", ["-c", `cd "${directory}" && seq ${maxDataFiles + 1} | xargs touch`]);
    await assert.rejects(listDataFiles(directory), { reason: "LIMIT_EXCEEDED" });
    execFileSync("rm", [join(directory, "1")]);
    assert.equal((await listDataFiles(directory)).length, maxDataFiles);
  }));

async function withStored(
  body: (stored: StoredSnapshot, layout: Layout, directory: string) => Promise<void>,
): Promise<void> {
  await withStore(async (layout, directory) => {
    const { id, files } = await storeSnapshot(layout);
    await using stored = await openStored(layout, id, files);
    await body(stored, layout, directory);
  });
}

test("a stored snapshot has the path of its data", () =>
  withStored(async (stored) => {
    const memory = stored.files.find(({ name }) => name === "memory");
    assert.ok(memory?.extents !== undefined);
    assert.equal(memory.sizeBytes, memoryBytes);
    assert.ok(memory.dataBytes >= 364_000 && memory.dataBytes < 500_000);
    assert.ok(memory.extents.length >= 2);
    await using handle = await stored.open("config.json");
    assert.equal(await handle.readFile("utf8"), "{}\n");
    await assert.rejects(stored.open("absent"), { reason: "STORED_DATA_CORRUPT" });
    await stored[Symbol.asyncDispose]();
  }));

test("disposing closes the files that a consumer left open, and prevents later opens", () =>
  withStored(async (stored) => {
    const left = await stored.open("memory");
    {
      await using closed = await stored.open("memory");
      assert.ok(closed.fd > 0);
    }
    await stored[Symbol.asyncDispose]();
    await stored[Symbol.asyncDispose]();
    assert.equal(left.fd, -1);
    await assert.rejects(stored.open("memory"), /was closed/);
  }));

test("an open snapshot is read to its end even if it was moved to the trash", () =>
  withStored(async (stored, layout, directory) => {
    assert.equal(await moveToTrash(layout, stored.id), true);
    await using handle = await stored.open("config.json");
    assert.equal(await handle.readFile("utf8"), "{}\n");
    const target = join(directory, "out");
    await exportFiles(
      layout,
      stored,
      { path: target },
      { envelope: Buffer.from("{}"), verify: true },
    );
    await compareFiles(join(target, "memory"), stored.pathOf("memory"));
  }));

test("a missing directory, a missing file and another size are damage", () =>
  withStore(async (layout) => {
    const { id, files } = await storeSnapshot(layout);
    const damaged = { reason: "STORED_DATA_CORRUPT", message: new RegExp(id) };
    await assert.rejects(openStored(layout, newSnapshotId(), files), {
      reason: "STORED_DATA_CORRUPT",
    });
    const memory = join(layout.filesDirectory(id), "memory");
    await pastModes(memory, () => truncate(memory, memoryBytes - 1));
    await assert.rejects(openStored(layout, id, files), damaged);
    await pastModes(memory, () => rm(memory));
    await assert.rejects(openStored(layout, id, files), damaged);
    await pastModes(memory, () => symlink("/etc/hostname", memory));
    await assert.rejects(openStored(layout, id, files), damaged);
  }));

test("digests that are missing are computed from the stored bytes", () =>
  withStore(async (layout) => {
    const { id, files } = await storeSnapshot(layout);
    execFileSync("rm", ["-r", join(layout.dataDirectory(id), "blocks")]);
    const blank = files.map((file) => ({ ...file, digest: "" }));
    assert.deepEqual(await hashStored(layout, id, blank), files);
    const blocks = join(layout.dataDirectory(id), "blocks");
    assert.deepEqual(await treeOf(blocks), ["0000.blk", "0001.blk"]);
    // In the order of names, config.json comes first and memory second.
    const memory = files.find(({ name }) => name === "memory");
    assert.equal(rootDigest(await readBlockTable(join(blocks, "0001.blk"))), memory?.digest);
    assert.deepEqual(await hashStored(layout, id, files), files);
    await assert.rejects(hashStored(layout, id, blank, AbortSignal.abort()), {
      name: "AbortError",
    });
  }));

const envelope = Buffer.from('{"version": 1}\n');

test("an export has all files and the envelope, and goes to an absent or empty directory", () =>
  withStored(async (stored, layout, directory) => {
    const empty = join(directory, "empty");
    await mkdir(empty, { mode: 0o755 });
    await symlink(empty, join(directory, "link"));
    for (const target of [
      join(directory, "absent"),
      join(directory, "link"),
      `${directory}/new/`,
    ]) {
      await exportFiles(layout, stored, { path: target }, { envelope, verify: true });
      assert.deepEqual(await treeOf(target), ["config.json", "memory", "snapshot.json"]);
      await compareFiles(join(target, "memory"), stored.pathOf("memory"));
      assert.deepEqual(await readFile(join(target, "snapshot.json")), envelope);
      assert.equal((await stat(join(target, "memory"))).mode & 0o777, 0o640);
    }
    assert.equal((await stat(join(directory, "absent"))).mode & 0o777, 0o700);
    assert.equal((await stat(empty)).mode & 0o777, 0o755);
  }));

test("an export refuses a target that is not empty or not usable", () =>
  withStored(async (stored, layout, directory) => {
    await writeFile(join(directory, "file"), "");
    await symlink(layout.stagingRoot, join(directory, "link"));
    for (const [target, reason] of [
      [directory, "DIRECTORY_NOT_EMPTY"],
      [join(directory, "file"), "FIELD_INVALID"],
      [join(directory, "absent", "deep"), "DIRECTORY_NOT_FOUND"],
      ["relative", "FIELD_INVALID"],
      ["/proc/nothing", "DIRECTORY_NOT_FOUND"],
      // An export to these targets would not last. The next start clears the staging area, and
      // moves directories without a record to quarantine. The link leads to the staging area.
      [layout.stagingRoot, "FIELD_INVALID"],
      [join(directory, "link"), "FIELD_INVALID"],
      [join(layout.dataRoot, "new"), "FIELD_INVALID"],
    ] as const) {
      await assert.rejects(
        exportFiles(layout, stored, { path: target }, { envelope, verify: true }),
        { reason },
        target,
      );
    }
    assert.deepEqual((await readdir(directory)).sort(), ["file", "link", "root"]);
    assert.deepEqual(await treeOf(layout.stagingRoot), []);
    assert.deepEqual(await readdir(layout.dataRoot), [stored.id]);
  }));

test("an export that fails removes what it has written", { skip: cannotMount("tmpfs") }, () =>
  withFilesystem("tmpfs", 1, async (small) => {
    await withStored(async (stored, layout) => {
      execFileSync("sh", ["-c", `head -c 900000 /dev/zero > "${small}/other"`]);
      await mkdir(join(small, "given"));
      for (const name of ["made", "given"]) {
        await assert.rejects(
          exportFiles(layout, stored, { path: join(small, name) }, { envelope, verify: true }),
          {
            reason: "STORAGE_FULL",
          },
        );
      }
      assert.deepEqual(await treeOf(small), ["given", "other"]);
      const signal = AbortSignal.abort();
      await assert.rejects(
        exportFiles(
          layout,
          stored,
          { path: join(small, "made") },
          { envelope, verify: true, signal },
        ),
        {
          name: "AbortError",
        },
      );
      assert.deepEqual(await treeOf(small), ["given", "other"]);
    });
  }),
);

for (const kind of ["xfs", "btrfs"] as const) {
  test(`an export on ${kind} shares the blocks`, { skip: cannotMount(kind) }, () =>
    withFilesystem(kind, 400, async (mountPoint) => {
      const layout = await openLayout(join(mountPoint, "root"));
      const { id, files } = await storeSnapshot(layout);
      await using stored = await openStored(layout, id, files);
      const target = join(mountPoint, "out");
      assert.deepEqual(
        await exportFiles(layout, stored, { path: target }, { envelope, verify: true }),
        {
          reflinked: true,
        },
      );
      await compareFiles(join(target, "memory"), stored.pathOf("memory"));
    }),
  );
}
