// Tests how sparse files are written.
import assert from "node:assert/strict";
import { open, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isStoreError } from "../../../src/base/errors.js";
import { createSparseFile } from "../../../src/holes/sparse-writer.js";
import { chunkOf } from "../../support/chunks.js";
import {
  allocatedBytesOf,
  cannotMount,
  extentsOf,
  patternBytes,
  withFilesystem,
  withScratchDir,
} from "../../support/scratch.js";

const mib = 1024 ** 2;
const gib = 1024 ** 3;
const plain = { mode: 0o640, detectZeros: false };

test("a file of 10 GiB with 25 MB of data takes 25 MB", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "disk");
    const piece = patternBytes(512 * 1024, 1);
    await using writer = await createSparseFile(path, { ...plain, expectedBytes: 10 * gib });
    for (let index = 0; index < 50; index += 1)
      await writer.write(index * 200 * mib, chunkOf(piece));
    const written = await writer.finish({ sizeBytes: 10 * gib, sync: true });
    assert.equal(written.sizeBytes, 10 * gib);
    assert.ok(written.allocatedBytes >= 25 * mib && written.allocatedBytes < 26 * mib);
    assert.equal(await allocatedBytesOf(path), written.allocatedBytes);
    const extents = await extentsOf(path);
    assert.deepEqual(
      extents,
      Array.from({ length: 50 }, (_, index) => ({
        offset: index * 200 * mib,
        length: 512 * 1024,
      })),
    );
  });
});

for (const kind of ["xfs", "btrfs"] as const) {
  test(`holes are kept on ${kind}`, { skip: cannotMount(kind) }, () =>
    withFilesystem(kind, 400, async (directory) => {
      const path = join(directory, "disk");
      const piece = patternBytes(mib, 2);
      await using writer = await createSparseFile(path, { ...plain, expectedBytes: gib });
      for (let index = 0; index < 20; index += 1)
        await writer.write(index * 50 * mib, chunkOf(piece));
      const { allocatedBytes } = await writer.finish({ sizeBytes: gib, sync: true });
      assert.ok(allocatedBytes < 21 * mib, `${allocatedBytes} bytes allocated for 20 MiB`);
      assert.equal((await extentsOf(path))?.length, 20);
    }),
  );
}

test("blocks of known extents are reserved before the data arrives, and no other blocks", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "file");
    const expectedExtents = [
      { offset: 64 * 1024, length: 64 * 1024 },
      { offset: 2 * mib, length: 3 * mib },
      { offset: 5 * gib, length: 130 * mib },
    ];
    const expectedBytes = 6 * gib;
    await using writer = await createSparseFile(path, { ...plain, expectedBytes, expectedExtents });
    const first = patternBytes(64 * 1024, 1);
    await writer.write(64 * 1024, chunkOf(first));
    assert.ok((await allocatedBytesOf(path)) < mib, "a small extent is not worth it");
    await writer.write(2 * mib, chunkOf(first));
    assert.ok(isAbout(await allocatedBytesOf(path), 3 * mib));
    await writer.write(5 * gib, chunkOf(first));
    assert.ok(isAbout(await allocatedBytesOf(path), 67 * mib));
    await writer.write(5 * gib + 64 * mib, chunkOf(first));
    assert.ok(isAbout(await allocatedBytesOf(path), 131 * mib));
    assert.deepEqual(await readRange(path, 5 * gib, first.length), first);
  });
});

test("a file of known size is reserved until its first hole", async () => {
  await withScratchDir(async (directory) => {
    const expectedBytes = 200 * mib;
    const options = { mode: 0o600, detectZeros: true, expectedBytes };
    const piece = patternBytes(mib, 1);
    const dense = join(directory, "dense");
    await using whole = await createSparseFile(dense, options);
    await whole.write(0, chunkOf(piece));
    assert.ok(isAbout(await allocatedBytesOf(dense), 64 * mib));
    for (let at = 1; at < 65; at += 1) await whole.write(at * mib, chunkOf(piece));
    assert.ok(isAbout(await allocatedBytesOf(dense), 128 * mib));
    // The file ends with a hole.
    const written = await whole.finish({ sizeBytes: expectedBytes, sync: true });
    assert.ok(isAbout(written.allocatedBytes, 65 * mib), `${written.allocatedBytes} bytes`);
    assert.deepEqual(await readRange(dense, 64 * mib, mib), piece);

    const sparse = join(directory, "sparse");
    await using holed = await createSparseFile(sparse, options);
    const middle = Buffer.from(piece).fill(0, 4096, 8192);
    await holed.write(0, chunkOf(middle));
    for (let at = 1; at < 100; at += 1) await holed.write(at * mib, chunkOf(piece));
    assert.ok((await allocatedBytesOf(sparse)) <= 100 * mib, "no more is reserved");
    const { allocatedBytes } = await holed.finish({ sizeBytes: expectedBytes, sync: true });
    assert.ok(isAbout(allocatedBytes + 4096, 100 * mib), `${allocatedBytes} bytes`);
    assert.deepEqual(await readRange(sparse, 0, mib), middle);
    assert.deepEqual(await readRange(sparse, mib, mib), piece);
  });
});

test("a failed reservation does not fail the write", { skip: cannotMount("tmpfs") }, () =>
  withFilesystem("tmpfs", 4, async (directory) => {
    const path = join(directory, "file");
    const options = { mode: 0o600, detectZeros: true, expectedBytes: 8 * mib };
    await using writer = await createSparseFile(path, options);
    const piece = patternBytes(mib, 3);
    await writer.write(0, chunkOf(piece));
    await writer.write(7 * mib, chunkOf(piece));
    await writer.finish({ sizeBytes: 8 * mib, sync: true });
    assert.deepEqual(await readRange(path, 7 * mib, mib), piece);
  }),
);

test(
  "a reservation fails on a full disk before any data is written",
  { skip: cannotMount("tmpfs") },
  () =>
    withFilesystem("tmpfs", 4, async (directory) => {
      const expectedExtents = [{ offset: 0, length: 8 * mib }];
      const options = { ...plain, expectedExtents };
      await using writer = await createSparseFile(join(directory, "file"), options);
      await assert.rejects(writer.write(0, chunkOf(Buffer.alloc(1))), {
        reason: "STORAGE_FULL",
        message: /reserve/,
      });
    }),
);

function isAbout(actual: number, expected: number): boolean {
  return actual >= expected && actual < expected + mib;
}

async function readRange(path: string, offset: number, length: number): Promise<Buffer> {
  await using handle = await open(path, "r");
  return (await handle.read(Buffer.alloc(length), 0, length, offset)).buffer;
}

test("zero blocks become holes, and other zeros are kept", async () => {
  await withScratchDir(async (directory) => {
    const bytes = Buffer.alloc(64 * 1024);
    bytes[5000] = 1;
    bytes[40_000] = 2;
    const path = join(directory, "file");
    const seen: number[] = [];
    const observer = {
      update: (offset: number, data: Uint8Array): void => {
        seen.push(offset, data.length);
      },
    };
    await using writer = await createSparseFile(path, { mode: 0o600, detectZeros: true, observer });
    await writer.write(0, chunkOf(bytes));
    const written = await writer.finish({ sizeBytes: 100_000, sync: false });
    assert.equal(written.sizeBytes, 100_000);
    assert.ok(written.allocatedBytes <= 4 * 8192, `${written.allocatedBytes} bytes allocated`);
    assert.deepEqual(await readFile(path), Buffer.concat([bytes, Buffer.alloc(100_000 - 65536)]));
    assert.deepEqual(seen, [4096, 4096, 36864, 4096], "an observer sees what is written");
  });
});

test("a file is the same however it is cut into pieces", async () => {
  await withScratchDir(async (directory) => {
    let count = 0;
    const pieces = fc.array(
      fc.record({ gap: fc.nat({ max: 9000 }), length: fc.nat({ max: 9000 }), zero: fc.boolean() }),
      { maxLength: 12 },
    );
    const property = fc.asyncProperty(pieces, fc.boolean(), async (list, detectZeros) => {
      const path = join(directory, `file-${(count += 1)}`);
      await using writer = await createSparseFile(path, { mode: 0o600, detectZeros });
      const expected: Uint8Array[] = [];
      let offset = 0;
      for (const { gap, length, zero } of list) {
        const bytes = zero ? Buffer.alloc(length) : patternBytes(length, length);
        await writer.write(offset + gap, chunkOf(bytes));
        expected.push(Buffer.alloc(gap), bytes);
        offset += gap + length;
      }
      await writer.finish({ sizeBytes: offset, sync: false });
      assert.ok(Buffer.concat(expected).equals(await readFile(path)));
    });
    await fc.assert(property, { numRuns: 60 });
  });
});

test("the file has mode 0600 while it is written, and its own mode at the end, readable at least", async () => {
  await withScratchDir(async (directory) => {
    for (const [mode, expected] of [
      [0o640, 0o640],
      [0o7755, 0o755],
      [0o000, 0o400],
    ] as const) {
      const path = join(directory, `file-${mode}`);
      await using writer = await createSparseFile(path, { mode, detectZeros: false });
      assert.equal((await stat(path)).mode & 0o7777, 0o600);
      await writer.finish({ sizeBytes: 0, sync: false });
      assert.equal((await stat(path)).mode & 0o7777, expected);
    }
  });
});

test("an existing file or link is never written to", async () => {
  await withScratchDir(async (directory) => {
    const victim = join(directory, "victim");
    await writeFile(victim, "keep");
    await symlink(victim, join(directory, "link"));
    await symlink(join(directory, "nowhere"), join(directory, "dangling"));
    for (const name of ["victim", "link", "dangling"]) {
      await assert.rejects(createSparseFile(join(directory, name), plain), { reason: "IO_FAILED" });
    }
    assert.equal(await readFile(victim, "utf8"), "keep");
    assert.equal((await readdir(directory)).length, 3);
  });
});

test("writes must ascend and stay within the announced size", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "file");
    await using writer = await createSparseFile(path, { ...plain, expectedBytes: 100 });
    await writer.write(0, chunkOf(Buffer.alloc(50)));
    await assert.rejects(
      writer.write(49, chunkOf(Buffer.alloc(1))),
      /after a write that ended at 50/,
    );
    await assert.rejects(writer.write(60, chunkOf(Buffer.alloc(41))), {
      reason: "ARCHIVE_INVALID",
    });
    await assert.rejects(writer.complete(40), /after a write that ended at 50/);
    await writer.complete(100);
    await assert.rejects(writer.write(100, chunkOf(Buffer.alloc(1))), /of a file that is complete/);
    await writer.sync();
    await assert.rejects(writer.sync(), /of a file that is synced/, "fsync is made once");
    await writer.close();
  });
});

test("discarding removes the file, and finishing keeps it", async () => {
  await withScratchDir(async (directory) => {
    {
      await using writer = await createSparseFile(join(directory, "dropped"), plain);
      await writer.write(0, chunkOf(patternBytes(3 * mib, 3)));
    }
    {
      await using writer = await createSparseFile(join(directory, "kept"), plain);
      await writer.write(0, chunkOf(patternBytes(10, 3)));
      await writer.finish({ sizeBytes: 10, sync: true });
      await writer.discard();
    }
    assert.deepEqual(await readdir(directory), ["kept"]);
  });
});

test("a file that is disposed while it is finishing is kept", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "file");
    let finishing: Promise<unknown>;
    {
      await using writer = await createSparseFile(path, plain);
      await writer.write(0, chunkOf(patternBytes(mib, 3)));
      finishing = writer.finish({ sizeBytes: mib, sync: true });
    }
    await finishing;
    assert.ok(patternBytes(mib, 3).equals(await readFile(path)));
  });
});

test("an abort ends the writing", async () => {
  await withScratchDir(async (directory) => {
    const controller = new AbortController();
    const options = { ...plain, signal: controller.signal };
    await using writer = await createSparseFile(join(directory, "file"), options);
    await writer.write(0, chunkOf(Buffer.alloc(10)));
    controller.abort();
    await assert.rejects(writer.write(10, chunkOf(Buffer.alloc(10))), { name: "AbortError" });
    await assert.rejects(writer.complete(10), { name: "AbortError" });
  });
});

test("a full disk is STORAGE_FULL, for every later call too", { skip: cannotMount("tmpfs") }, () =>
  withFilesystem("tmpfs", 4, async (directory) => {
    const path = join(directory, "file");
    const writer = await createSparseFile(path, plain);
    const bytes = patternBytes(mib, 4);
    const fill = async (): Promise<void> => {
      for (let offset = 0; offset < 64 * mib; offset += mib)
        await writer.write(offset, chunkOf(bytes));
    };
    const full = (error: unknown): boolean =>
      isStoreError(error, "STORAGE_FULL") &&
      error.hint !== undefined &&
      error.message.includes(path);
    await assert.rejects(fill(), full);
    await assert.rejects(writer.write(100 * mib, chunkOf(Buffer.alloc(1))), full);
    await assert.rejects(writer.finish({ sizeBytes: 200 * mib, sync: true }), full);
    await writer[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(directory), []);
  }),
);
