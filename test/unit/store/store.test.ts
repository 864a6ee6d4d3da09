// Tests a store in this process, without a daemon.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isStoreError } from "../../../src/base/errors.js";
import { withScratchDir } from "../../support/scratch.js";
import { createFrom, never, openTestStore, requestFor, tarOf } from "./support.js";

void test("closing waits for a running publication, and refuses later calls", async () => {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const store = await openTestStore(root);
    const running = createFrom(store, "a", { memory: randomBytes(1024 * 1024) });
    await Promise.all([running, store[Symbol.asyncDispose]()]);
    await assert.rejects(store.create(requestFor("b"), tarOf({}), never), (error) =>
      isStoreError(error, "DRAINING"),
    );
    await using again = await openTestStore(root);
    assert.equal(again.inspect("a").files.length, 1);
    assert.deepEqual(await readdir(again.layout.stagingRoot), []);
  });
});

void test("a directory that was taken over gets the same digests as an upload", async () => {
  await withScratchDir(async (scratch) => {
    await using store = await openTestStore(join(scratch, "root"));
    const memory = Buffer.concat([randomBytes(700_000), Buffer.alloc(600_000), randomBytes(99)]);
    const uploaded = await createFrom(store, "uploaded", { memory });
    const directory = join(scratch, "vm");
    await mkdir(directory);
    await writeFile(join(directory, "memory"), memory);
    await store.createFromDirectory(requestFor("taken"), { path: directory }, never);
    for (let tries = 0; store.inspect("taken").digest === "" && tries < 1000; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(store.inspect("taken").digest, uploaded.digest);
  });
});
