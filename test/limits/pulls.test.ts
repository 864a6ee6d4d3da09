// Tests the limits of disk space while a pull runs.
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { failsWith } from "../support/errors.js";
import { cannotMount, withFilesystem } from "../support/scratch.js";
import { makeSource, mib, piece } from "../store/contents.js";
import { createOn, pull, startNode } from "../replication/nodes.js";

function makeMemory(directory: string): Promise<string> {
  const sizeBytes = 64 * mib;
  return makeSource(directory, [{ name: "memory", sizeBytes, pieces: [piece(0, sizeBytes)] }]);
}

test("max_store: a pull that exceeds it ends early, and keeps its data", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t, { "max-store": "16MiB" })];
  await createOn(from, await makeMemory(join(from.scratch, "source")), "web");
  // Each attempt also counts the data that the previous attempt has kept.
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const error = await failsWith(pull(to, { source: from.address, ref: "web" }), "STORAGE_FULL");
    assert.equal(error.metadata["limit"], "max_store");
    const { transfers } = await to.client.listTransfers();
    const [kept] = transfers;
    assert.ok(kept !== undefined);
    const part = join(to.root, "transfers", kept.digest.slice("sha256:".length), "0000.part");
    const { blocks } = await stat(part);
    assert.ok(blocks * 512 <= 32 * mib, `${blocks * 512} bytes were fetched`);
  }
});

test("reserve: the limit is checked while a pull runs", { skip: cannotMount("tmpfs") }, (t) =>
  withFilesystem("tmpfs", 96, async (mountPoint) => {
    await t.test("the pull ends while the disk still has space", async (inner) => {
      const root = join(mountPoint, "root");
      const [from, to] = [
        await startNode(inner),
        await startNode(inner, { root, reserve: "40MiB" }),
      ];
      await createOn(from, await makeMemory(join(from.scratch, "source")), "web");
      const error = await failsWith(pull(to, { source: from.address, ref: "web" }), "STORAGE_FULL");
      assert.equal(error.metadata["limit"], "reserve");
      assert.ok(Number(error.metadata["free_bytes"]) > 8 * mib, error.message);
    });
  }),
);
