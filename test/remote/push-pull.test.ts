// Tests pushes to a real engine and pulls from it. Bytes, holes, digests and configuration are
// equal, and a push does not send data again that the remote already has.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { packKey, mapKey } from "../../src/remote/format/keys.js";
import { readCommit, readMap } from "../../src/remote/remote-map.js";
import type { Bucket } from "../../src/remote/s3/bucket.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { bucketAt, noEngine, startEngine, type Engine } from "../support/engine.js";
import { patternBytes, withScratchDir } from "../support/scratch.js";
import { createFrom, download, never, openTestStore } from "../unit/store/support.js";
import { openRemote, pull, push, someSecret } from "./nodes.js";

const skip = noEngine;
const blockBytes = 256 * 1024;
let engine: Engine;
let opened: (Bucket & Disposable)[] = [];
let prefixes = 0;

before(async () => {
  if (skip === false) engine = await startEngine();
});

after(async () => {
  for (const bucket of opened) bucket[Symbol.dispose]();
  opened = [];
  if (skip === false) await engine[Symbol.asyncDispose]();
});

/** Returns an empty prefix of the bucket, and the directory where the engine stores its objects. */
function freshBucket(): { readonly bucket: Bucket; readonly directory: string } {
  prefixes += 1;
  const prefix = `test${prefixes}/`;
  const bucket = bucketAt(engine.endpoint, engine.keys, { table: { prefix } });
  opened.push(bucket);
  return { bucket, directory: join(engine.directory, prefix) };
}

function withStores(
  body: (one: SnapshotStore, two: SnapshotStore) => Promise<void>,
): () => Promise<void> {
  return () =>
    withScratchDir(async (scratch) => {
      await using one = await openTestStore(join(scratch, "one"));
      await using two = await openTestStore(join(scratch, "two"));
      await body(one, two);
    });
}

/** Returns a small guest memory: text, noise, zeros and a short last block. */
function someMemory(): Buffer {
  const text = Buffer.alloc(3 * blockBytes, "a page of a guest, ");
  const noise = patternBytes(2 * blockBytes, 7);
  return Buffer.concat([text, Buffer.alloc(4 * blockBytes), noise, Buffer.from("end")]);
}

async function assertSame(
  one: SnapshotStore,
  ref: string,
  two: SnapshotStore,
  other: string,
): Promise<void> {
  const [left, right] = [one.inspect(ref), two.inspect(other)];
  assert.equal(right.digest, left.digest);
  assert.deepEqual({ ...right.config, id: "" }, { ...left.config, id: "" });
  const layoutOf = ({ files }: typeof left) => files.map(({ name, mode }) => ({ name, mode }));
  assert.deepEqual(layoutOf(right), layoutOf(left));
  // Zeros in a block with data become holes during the transfer, so the maps may differ.
  const filled = { sparseFormat: "none" } as const;
  const bytes = await download(one, ref, filled);
  assert.ok((await download(two, other, filled)).equals(bytes), "the bytes differ");
  assert.ok(right.allocatedBytes <= left.allocatedBytes + 4096, "holes were filled");
}

for (const how of ["plain", "encrypted"] as const) {
  test(
    `${how}: what one node pushes, another node pulls unchanged`,
    { skip },
    withStores(async (one, two) => {
      const { bucket, directory } = freshBucket();
      const remote = await openRemote(bucket, how === "plain" ? undefined : someSecret);
      const memory = someMemory();
      await createFrom(one, "vm", { memory, disk: randomBytes(100_000), empty: Buffer.alloc(0) });
      const pushed = await push(remote, one, "vm");
      assert.equal(pushed.reusedBytes, 0);
      const reopened = await openRemote(bucket, how === "plain" ? undefined : someSecret);
      const snapshot = await pull(reopened, two, pushed.id);
      await assertSame(one, "vm", two, snapshot.config.id);
      assert.deepEqual(await readdir(join(directory, "claims")).catch(() => []), []);
      if (how === "plain") return;
      const paths = await readdir(join(directory, "packs"), { recursive: true });
      const packs = paths.filter((path) => path.endsWith("-0-000000"));
      assert.equal(packs.length, 1);
      const pack = await readFile(join(directory, "packs", packs[0] ?? ""));
      assert.equal(pack.indexOf("a page of a guest"), -1, "the pack is readable");
      await assert.rejects(openRemote(bucket), { reason: "REMOTE_REFUSED" });
      await assert.rejects(openRemote(bucket, randomBytes(32)), { reason: "REMOTE_DATA_INVALID" });
    }),
  );
}

test(
  "in a chain of checkpoints each push sends little more than the changed pages, and each can be pulled",
  { skip },
  withStores(async (one, two) => {
    const remote = await openRemote(freshBucket().bucket);
    let memory = patternBytes(64 * blockBytes, 3);
    const ids: string[] = [];
    for (let generation = 0; generation < 5; generation += 1) {
      const name = `vm-${generation}`;
      await createFrom(one, name, { memory });
      const last = ids.at(-1);
      const local = `vm-${generation - 1}`;
      const base = last === undefined ? undefined : { remoteId: last, local };
      const pushed = await push(remote, one, name, base);
      ids.push(pushed.id);
      if (base !== undefined) {
        assert.ok(pushed.packedBytes < 40_000, `generation ${generation}: ${pushed.packedBytes}`);
        assert.ok(pushed.borrowedPacks > 0);
      }
      memory = Buffer.from(memory);
      // Each generation changes one page that is always the same, and one other page.
      patternBytes(4096, 100 + generation).copy(memory, 5 * blockBytes);
      patternBytes(4096, 200 + generation).copy(memory, (10 + generation) * blockBytes + 8192);
    }
    for (const [generation, id] of [...ids.entries()].reverse()) {
      const snapshot = await pull(remote, two, id);
      await assertSame(one, `vm-${generation}`, two, snapshot.config.id);
    }
  }),
);

test(
  "after any edits, a push over a base is pulled unchanged, with and without a local base",
  { skip },
  withStores(async (one, two) => {
    const remote = await openRemote(freshBucket().bucket);
    const size = 6 * blockBytes + 700;
    const base = patternBytes(size, 9);
    await createFrom(one, "base", { memory: base });
    const { id: remoteId } = await push(remote, one, "base");
    let count = 0;
    const edit = fc.record({
      at: fc.nat(size - 1),
      length: fc.integer({ min: 1, max: 2 * blockBytes }),
      fill: fc.constantFrom("zeros", "noise", "text"),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(edit, { maxLength: 6 }),
        fc.boolean(),
        fc.integer({ min: -blockBytes, max: blockBytes }),
        async (edits, isLocal, growth) => {
          const name = `child-${(count += 1)}`;
          const memory = Buffer.concat([base, Buffer.alloc(Math.max(growth, 0))]);
          for (const { at, length, fill } of edits) {
            const value = { zeros: 0, noise: patternBytes(999, at), text: "guest " }[fill];
            memory.fill(value, at, Math.min(at + length, size));
          }
          await createFrom(one, name, { memory: memory.subarray(0, size + growth) });
          const from = isLocal ? { remoteId, local: "base" } : { remoteId };
          const pushed = await push(remote, one, name, from);
          const snapshot = await pull(remote, two, pushed.id);
          await assertSame(one, name, two, snapshot.config.id);
          if (count % 2 === 0) await two.delete({ refs: [name], allowMissing: false });
        },
      ),
      { numRuns: 25 },
    );
  }),
);

test(
  "a changed byte of a pack, map or commit object is refused with the object and the offset",
  { skip },
  withStores(async (one, two) => {
    const { bucket, directory } = freshBucket();
    const remote = await openRemote(bucket);
    await createFrom(one, "vm", { memory: someMemory() });
    const { id } = await push(remote, one, "vm");
    const map = await readMap(remote, await readCommit(remote, id, never), never);
    const [pack] = map.packs;
    assert.ok(pack !== undefined);
    const keys = [packKey(pack), mapKey(id), `snapshots/${id}.json`];
    for (const key of keys) {
      const path = join(directory, key);
      const right = await readFile(path);
      const wrong = Buffer.from(right);
      wrong[200] = (wrong[200] ?? 0) ^ 4;
      await writeFile(path, wrong);
      await assert.rejects(pull(remote, two, id), (error: Error) => {
        assert.match(error.message, new RegExp(key));
        assert.equal((error as Error & { reason?: string }).reason, "REMOTE_DATA_INVALID");
        return true;
      });
      await writeFile(path, right);
    }
    await rm(join(directory, packKey(pack)));
    await assert.rejects(pull(remote, two, id), { reason: "REMOTE_COPY_MISSING" });
    assert.deepEqual(two.list({ pageSize: 10, filter: {} }).snapshots, []);
  }),
);
