// Tests the layout of the root directory, and the ballast.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, realpath, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  ballastBytes,
  ensureBallast,
  isBallastComplete,
  releaseBallast,
} from "../../../src/files/ballast.js";
import { exists } from "../../../src/files/durable.js";
import { isInside, openLayout } from "../../../src/files/layout.js";
import { newSnapshotId } from "../../../src/model/name.js";
import { cannotMount, withFilesystem, withScratchDir } from "../../support/scratch.js";
import { treeOf, withStore } from "./support.js";

test("opening makes the directories for their owner only, and opening again changes nothing", async () => {
  await withScratchDir(async (directory) => {
    const root = join(directory, "deep", "root");
    const layout = await openLayout(root);
    assert.equal(layout.root, await realpath(root));
    const expected = ["data", "quarantine", "staging", "transfers", "trash"];
    assert.deepEqual(await treeOf(root), expected);
    for (const name of ["", ...expected]) {
      assert.equal((await stat(join(root, name))).mode & 0o777, 0o700, name);
    }
    assert.deepEqual({ ...(await openLayout(`${root}/`)) }.root, layout.root);
    await symlink(root, join(directory, "link"));
    assert.equal((await openLayout(join(directory, "link"))).root, layout.root);
  });
});

test("a path that cannot be a root is refused as invalid", async () => {
  await withScratchDir(async (directory) => {
    await writeFile(join(directory, "file"), "");
    await assert.rejects(openLayout(join(directory, "file")), { reason: "IO_FAILED" });
    await assert.rejects(openLayout(join(directory, "file", "root")), { reason: "IO_FAILED" });
    await mkdir(join(directory, "root"));
    await writeFile(join(directory, "root", "data"), "");
    await assert.rejects(openLayout(join(directory, "root")), { reason: "IO_FAILED" });
  });
});

test("a part of the store on another filesystem is refused", { skip: cannotMount("tmpfs") }, () =>
  withScratchDir(async (directory) => {
    const layout = await openLayout(join(directory, "root"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", layout.trashRoot]);
    try {
      await assert.rejects(openLayout(layout.root), { reason: "CROSS_FILESYSTEM" });
    } finally {
      execFileSync("umount", [layout.trashRoot]);
    }
  }),
);

test("a read-only filesystem is reported as read-only", { skip: cannotMount("tmpfs") }, () =>
  withFilesystem("tmpfs", 1, async (mountPoint) => {
    execFileSync("mount", ["-o", "remount,ro", mountPoint]);
    await assert.rejects(openLayout(join(mountPoint, "root")), {
      reason: "STORE_READ_ONLY",
      message: /EROFS/,
      hint: /read-only/,
    });
  }),
);

test("paths are built only from ids", () =>
  withStore((layout) => {
    const id = newSnapshotId();
    assert.equal(layout.filesDirectory(id), join(layout.root, "data", id, "files"));
    for (const bad of ["", "..", "../../etc", `${id}/..`, id.toUpperCase(), `${id}0`]) {
      for (const path of ["stagingDirectory", "dataDirectory", "trashDirectory"] as const) {
        assert.throws(() => layout[path](bad), { reason: "INTERNAL" }, bad);
      }
    }
    return Promise.resolve();
  }));

test("isInside recognizes the store's own paths", () =>
  withStore((layout, directory) => {
    assert.equal(isInside(layout, layout.root), true);
    assert.equal(isInside(layout, layout.dataRoot), true);
    assert.equal(isInside(layout, join(layout.root, "..x")), true);
    assert.equal(isInside(layout, directory), false);
    assert.equal(isInside(layout, `${layout.root}-other`), false);
    return Promise.resolve();
  }));

test("the ballast is created once, deleted, and created again", () =>
  withStore(async (layout) => {
    assert.equal(await ensureBallast(layout), true);
    const first = await contentsOf(layout.ballast);
    assert.ok(Buffer.concat([...first.values()]).length >= ballastBytes);
    assert.equal(await ensureBallast(layout), true);
    assert.deepEqual(await contentsOf(layout.ballast), first, "it was not written again");
    await releaseBallast(layout);
    await releaseBallast(layout);
    assert.equal(await isBallastComplete(layout), false);
    await mkdir(layout.ballast);
    const [name = "", bytes] = [...first][0] ?? [];
    await writeFile(join(layout.ballast, name), "half");
    assert.equal(await ensureBallast(layout), true);
    assert.equal((await stat(join(layout.ballast, name))).size, bytes?.length);
  }));

async function contentsOf(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  for (const name of (await readdir(directory)).sort()) {
    contents.set(name, await readFile(join(directory, name)));
  }
  return contents;
}

test("the ballast file of an older version is replaced by a directory", () =>
  withStore(async (layout) => {
    await writeFile(layout.ballast, Buffer.alloc(1024 * 1024, 1));
    assert.equal(await isBallastComplete(layout), false);
    assert.equal(await ensureBallast(layout), true);
    await releaseBallast(layout);
    await writeFile(layout.ballast, Buffer.alloc(1024 * 1024, 1));
    await releaseBallast(layout);
    assert.equal(await exists(layout.ballast), false);
  }));

test(
  "on a full disk the ballast frees space, and is created again as far as it fits",
  { skip: cannotMount("tmpfs") },
  () =>
    withFilesystem("tmpfs", 6, async (mountPoint) => {
      const layout = await openLayout(join(mountPoint, "root"));
      assert.equal(await ensureBallast(layout), true);
      const rest = join(mountPoint, "rest");
      await assert.rejects(writeFile(rest, Buffer.alloc(8 * 1024 ** 2, 1)), { code: "ENOSPC" });
      const more = join(layout.root, "more");
      await assert.rejects(writeFile(more, Buffer.alloc(65536, 1)), { code: "ENOSPC" });
      const { length: all } = await readdir(layout.ballast);
      await releaseBallast(layout);
      await writeFile(more, Buffer.alloc(65536, 1));
      assert.equal(await ensureBallast(layout), false);
      const { length: left } = await readdir(layout.ballast);
      assert.ok(left > 0 && left < all, `${left} of ${all} files`);
    }),
);
