// Tests that written archives are read back unchanged, for any sizes, holes and chunks.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Extent } from "../../../src/model/extent.js";
import { decompress, compress } from "../../../src/archive/compression.js";
import { writeTar } from "../../../src/archive/tar-writer.js";
import { chunked, collect, memoryFile, readAll } from "./support.js";

interface GivenFile {
  readonly bytes: Buffer;
  readonly extents: readonly Extent[] | undefined;
}

/** Generates alternating runs of data and zeros, as in a file with holes. */
const givenFile: fc.Arbitrary<GivenFile> = fc
  .record({
    runs: fc.array(
      fc.record({ hole: fc.nat(3000), data: fc.integer({ min: 1, max: 3000 }), fill: fc.nat(255) }),
      { maxLength: 12 },
    ),
    tail: fc.nat(2000),
    known: fc.boolean(),
  })
  .map(({ runs, tail, known }) => {
    const extents: { offset: number; length: number }[] = [];
    const parts: Buffer[] = [];
    let end = 0;
    for (const { hole, data, fill } of runs) {
      parts.push(Buffer.alloc(hole), Buffer.alloc(data, fill));
      extents.push({ offset: end + hole, length: data });
      end += hole + data;
    }
    const bytes = Buffer.concat([...parts, Buffer.alloc(tail)]);
    return { bytes, extents: known ? extents : undefined };
  });

const fileName = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 80 })
  // eslint-disable-next-line no-control-regex
  .filter((name) => !/[\u0000-\u001f\u007f/\ufffd]/.test(name) && name !== "." && name !== "..");

const given = fc.record({
  files: fc
    .dictionary(fileName, givenFile, { maxKeys: 5, noNullPrototype: true })
    .map((files) => Object.entries(files)),
  sparseFormat: fc.constantFrom("cocoon" as const, "gnu" as const, "none" as const),
  compression: fc.constantFrom("none" as const, "none" as const, "gzip" as const, "zstd" as const),
  pieceBytes: fc.integer({ min: 1, max: 5000 }),
  chunkBytes: fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 6 }),
});

test("random files are read back with the same bytes and the same holes", async () => {
  await fc.assert(
    fc.asyncProperty(
      given,
      async ({ files, sparseFormat, compression, pieceBytes, chunkBytes }) => {
        const written = files.map(([name, { bytes, extents }]) =>
          memoryFile(name, bytes, extents, pieceBytes),
        );
        const archive = await collect(compress(writeTar(written, { sparseFormat }), compression));
        const read = await readAll(decompress(chunked(archive, chunkBytes)));
        assert.deepEqual(
          read.map(({ name, bytes }) => [name, bytes]),
          files.map(([name, { bytes }]) => [name, bytes]),
        );
        for (const [index, file] of read.entries()) {
          checkHoles(file.extents && [...file.extents], files[index]?.[1].extents, sparseFormat);
        }
      },
    ),
    { numRuns: 120, interruptAfterTimeLimit: 120_000 },
  );
});

/**
 * Checks the holes. The format of cocoon keeps every extent. The GNU format widens extents to
 * blocks. Plain entries have no extents.
 */
function checkHoles(
  read: readonly Extent[] | undefined,
  written: readonly Extent[] | undefined,
  sparseFormat: "cocoon" | "gnu" | "none",
): void {
  if (read === undefined) return;
  assert.notEqual(sparseFormat, "none");
  if (sparseFormat === "cocoon") assert.deepEqual(read, written);
  for (const extent of written ?? []) {
    assert.ok(
      read.some(
        ({ offset, length }) =>
          offset <= extent.offset && offset + length >= extent.offset + extent.length,
      ),
      "every extent is covered",
    );
  }
}
