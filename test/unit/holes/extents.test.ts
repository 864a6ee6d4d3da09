// Tests how extents of files are found and read.
import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { Extent } from "../../../src/model/extent.js";
import {
  dataExtents,
  lazyExtents,
  pieceBytes,
  readExtent,
  readExtents,
  scanExtents,
} from "../../../src/holes/extents.js";
import {
  cannotMount,
  makeSparseFile,
  patternBytes,
  withFilesystem,
  withScratchDir,
  type FilesystemKind,
} from "../../support/scratch.js";

const kib = 1024;
const gib = 1024 ** 3;
/** A multiple of the largest block size of the filesystems in these tests. */
const step = 64 * kib;

async function extentsBothWays(path: string, sizeBytes: number): Promise<readonly Extent[]> {
  await using handle = await open(path, "r");
  const now = dataExtents(handle.fd, sizeBytes);
  assert.ok(now !== undefined);
  using scanned = await scanExtents(handle.fd, sizeBytes);
  assert.deepEqual([...(scanned ?? [])], now);
  assert.equal(scanned?.length, now.length);
  assert.deepEqual([...(lazyExtents(handle.fd, sizeBytes) ?? [])], now);
  return now;
}

async function checkExtents(directory: string): Promise<void> {
  const empty = join(directory, "empty");
  await makeSparseFile(empty, 0, []);
  assert.deepEqual(await extentsBothWays(empty, 0), []);

  const hole = join(directory, "hole");
  await makeSparseFile(hole, 10 * gib + 5, []);
  assert.deepEqual(await extentsBothWays(hole, 10 * gib + 5), []);

  const dense = join(directory, "dense");
  await makeSparseFile(dense, 3 * step + 7, [{ offset: 0, bytes: patternBytes(3 * step + 7, 1) }]);
  assert.deepEqual(await extentsBothWays(dense, 3 * step + 7), [
    { offset: 0, length: 3 * step + 7 },
  ]);
  assert.deepEqual(await extentsBothWays(dense, step + 1), [{ offset: 0, length: step + 1 }]);

  const far = join(directory, "far");
  const end = 9 * gib + step + 3;
  await makeSparseFile(far, end, [
    { offset: step, bytes: patternBytes(step, 2) },
    { offset: 5 * gib, bytes: patternBytes(2 * step, 3) },
    { offset: 9 * gib + step, bytes: patternBytes(3, 4) },
  ]);
  assert.deepEqual(await extentsBothWays(far, end), [
    { offset: step, length: step },
    { offset: 5 * gib, length: 2 * step },
    { offset: 9 * gib + step, length: 3 },
  ]);
}

test("extents are found on the filesystem of the temporary directory", () =>
  withScratchDir(checkExtents));

for (const kind of ["ext4", "xfs", "btrfs", "tmpfs"] as const satisfies FilesystemKind[]) {
  test(`extents are found on ${kind}`, { skip: cannotMount(kind) }, () =>
    withFilesystem(kind, 400, checkExtents),
  );
}

test("without information about holes there is no answer instead of a wrong answer", async () => {
  await using handle = await open("/dev/null", "r");
  const answer = dataExtents(handle.fd, 100);
  assert.ok(answer === undefined || answer.length <= 1);
  await assert.rejects(async () => scanExtents(9999, 100), { reason: "IO_FAILED" });
  assert.throws(() => lazyExtents(9999, 100), { reason: "IO_FAILED" });
});

test("thousands of extents are found, and the search can be cancelled", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "many");
    const count = 3000;
    const bytes = patternBytes(4096, 5);
    const pieces = Array.from({ length: count }, (_, index) => ({ offset: index * 8192, bytes }));
    await makeSparseFile(path, count * 8192, pieces);
    const extents = await extentsBothWays(path, count * 8192);
    assert.equal(extents.length, count);
    await using handle = await open(path, "r");
    await assert.rejects(scanExtents(handle.fd, count * 8192, AbortSignal.abort()), {
      name: "AbortError",
    });
  });
});

test("readExtent returns the bytes of any range in pieces with their own memory", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "file");
    const bytes = patternBytes(3 * pieceBytes + 100, 6);
    const base = 6 * gib;
    await makeSparseFile(path, base + bytes.length, [{ offset: base, bytes }]);
    await using handle = await open(path, "r");
    for (const [start, length] of [
      [0, bytes.length],
      [1, 1],
      [pieceBytes - 1, 2],
      [5, 2 * pieceBytes],
      [7, 0],
    ] as const) {
      const pieces: Uint8Array[] = [];
      for await (const { bytes: piece } of readExtent(handle, base + start, length)) {
        pieces.push(piece);
      }
      assert.ok(Buffer.concat(pieces).equals(bytes.subarray(start, start + length)));
      assert.equal(new Set(pieces.map((piece) => piece.buffer)).size, pieces.length, "not reused");
    }
  });
});

test("pieces match the requested ranges, for any arrangement", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "file");
    const bytes = patternBytes(3 * pieceBytes, 9);
    await makeSparseFile(path, bytes.length, [{ offset: 0, bytes }]);
    await using handle = await open(path, "r");
    const gaps = fc.constantFrom(0, 1, 4096, 32 * kib, 32 * kib + 1, pieceBytes);
    const lengths = fc.constantFrom(1, 4096, 100 * kib, pieceBytes + 1);
    const ranges = fc.array(fc.tuple(gaps, lengths), { maxLength: 12 });
    const property = fc.asyncProperty(ranges, async (list) => {
      const extents: Extent[] = [];
      let end = 0;
      for (const [gap, length] of list) {
        const extent = { offset: end + gap, length };
        end += gap + length;
        if (end <= bytes.length) extents.push(extent);
      }
      const covered: Extent[] = [];
      for await (const { offset, chunk } of readExtents(handle, extents)) {
        const { bytes: found } = chunk;
        assert.ok(bytes.subarray(offset, offset + found.length).equals(found), `at ${offset}`);
        const last = covered.at(-1);
        const whole = extents.some((extent) => extent.offset === offset);
        if (whole || last === undefined) covered.push({ offset, length: found.length });
        else covered[covered.length - 1] = { ...last, length: last.length + found.length };
      }
      assert.deepEqual(covered, extents);
    });
    await fc.assert(property, { numRuns: 150 });
  });
});

test("a slow consumer gets the same bytes, and so does one that frees what it has copied", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "file");
    const bytes = patternBytes(6 * pieceBytes, 3);
    await makeSparseFile(path, bytes.length, [{ offset: 0, bytes }]);
    await using handle = await open(path, "r");
    // Some parts share a read, and others do not.
    const extents = Array.from({ length: 12 }, (_, index) => ({
      offset: (index * pieceBytes) / 2,
      length: pieceBytes / 2 - 4096,
    }));
    let freed = 0;
    let parts = 0;
    for await (const { offset, chunk } of readExtents(handle, extents)) {
      const { bytes: found } = chunk;
      // Meanwhile, the data that was read ahead is freed several times.
      if (parts % 5 === 1) await new Promise((resolve) => setTimeout(resolve, 500));
      assert.ok(bytes.subarray(offset, offset + found.length).equals(found), `at ${offset}`);
      parts++;
      chunk.free();
      if (found.length === 0) freed++;
    }
    assert.equal(parts, extents.length);
    assert.equal(freed, 6, "the last part of each buffer");
  });
});

test("a file that ends early is damage, and the error names the position", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "file");
    await makeSparseFile(path, 1000, [{ offset: 0, bytes: patternBytes(1000, 8) }]);
    await using handle = await open(path, "r");
    await assert.rejects(
      async () => {
        for await (const piece of readExtent(handle, 500, 1000, { what: "memory" })) {
          assert.fail(`${piece.length} bytes`);
        }
      },
      {
        reason: "STORED_DATA_CORRUPT",
        message: "memory ends at byte 1000, expected data up to byte 1500",
      },
    );
  });
});

test("reading stops at an abort and when the consumer has read enough", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "file");
    await makeSparseFile(path, 8 * pieceBytes, []);
    const handle = await open(path, "r");
    const controller = new AbortController();
    const { signal } = controller;
    let pieces = 0;
    await assert.rejects(
      async () => {
        for await (const _ of readExtent(handle, 0, 8 * pieceBytes, { signal })) {
          pieces += 1;
          controller.abort();
        }
      },
      { name: "AbortError" },
    );
    assert.equal(pieces, 1);
    for await (const _ of readExtent(handle, 0, 8 * pieceBytes)) break;
    // No read is running any more, so closing is safe.
    await handle.close();
  });
});
