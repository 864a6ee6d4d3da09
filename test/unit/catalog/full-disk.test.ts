// Tests a catalog on a filesystem that is really full. It opens, answers, refuses changes, closes,
// and recovers.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openCatalog } from "../../../src/catalog/open.js";
import { idOf, startMs, store, testClock, throwsReason, withScratch } from "./support.js";
import { storeDefaults } from "../../support/defaults.js";

/** Writes until the filesystem is full. */
function fillDisk(path: string): void {
  const fd = openSync(path, "a");
  const block = Buffer.alloc(4096);
  try {
    for (let blocks = 0; blocks < 1024; blocks++) writeSync(fd, block);
    throw new Error("the filesystem does not fill up");
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    closeSync(fd);
  }
}

test("on a full disk reads, start and stop work, and changes work as soon as there is room", async (t) => {
  await withScratch((directory) => {
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory]);
    if (mounted.status !== 0) {
      t.skip("mounting a small filesystem needs root");
      return;
    }
    try {
      const path = join(directory, "catalog.db");
      const fillers: string[] = [];
      const fill = (): void => {
        const path = join(directory, `filler-${fillers.length}`);
        fillers.push(path);
        fillDisk(path);
      };
      const clock = testClock();
      let catalog = openCatalog(path, { clock, maxEvents: storeDefaults.maxEvents });
      for (const id of ["a", "b"]) store(catalog, idOf(id), { name: id });
      for (let start = 0; start < 2; start++) {
        // In the second round the disk has free space again, because closing the catalog deleted
        // its log.
        fill();
        throwsReason(() => catalog.markDeleting([idOf("a")]), "STORAGE_FULL");
        throwsReason(() => store(catalog, idOf("c")), "STORAGE_FULL");
        assert.equal(catalog.resolveRef("a").state, "ready");
        catalog.recordAccess(idOf("b"), new Date(startMs + 1000));
        throwsReason(() => {
          catalog.flushAccesses();
        }, "STORAGE_FULL");
        assert.equal(catalog.get(idOf("b"))?.lastAccessedAt.getTime(), startMs + 1000);
        catalog.close();
        catalog = openCatalog(path, { clock, maxEvents: storeDefaults.maxEvents });
      }
      for (const filler of fillers) rmSync(filler);
      catalog.markDeleting([idOf("a")]);
      store(catalog, idOf("c"), { name: "a" });
      assert.deepEqual(catalog.checkIntegrity(), []);
      catalog.close();
    } finally {
      spawnSync("umount", [directory]);
    }
  });
});
