// Tests whole archives in cocoon's exact format, made by hand: uncompressed, gzip and zstd, with
// and without the list of files.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { compress, decompress } from "../../../src/archive/compression.js";
import {
  checkArchiveAgainstEnvelope,
  decodeEnvelope,
  encodeEnvelope,
} from "../../../src/archive/envelope.js";
import { writeTar } from "../../../src/archive/tar-writer.js";
import {
  chunked,
  collect,
  endMarker,
  memoryFile,
  oneChunk,
  padded,
  rawFile,
  rawHeader,
  rawPax,
  readAll,
  type ReadBack,
} from "./support.js";

const disk = Buffer.concat([Buffer.alloc(8192), Buffer.alloc(4096, "d"), Buffer.alloc(20_480)]);
const memory = Buffer.alloc(9000, "memory ");

function envelopeText(files: string): string {
  return `{
  "config": {
    "id": "old-id",
    "name": "web",
    "image_blob_ids": {
      "ab": {}
    },
    "storage": ${disk.byteLength}
  },
  "version": 1${files}
}
`;
}

const withFiles = envelopeText(',\n  "files": [\n    "cow.raw",\n    "memory"\n  ]');
const sparseDisk = [
  rawPax([
    ["COCOON.sparse.map", '[{"o":8192,"l":4096}]'],
    ["COCOON.sparse.size", String(disk.byteLength)],
  ]),
  rawHeader({ name: "cow.raw", size: 4096, mode: "0000600\0" }),
  padded(disk.subarray(8192, 12_288)),
];

const archiveOf = (envelope: string): Buffer =>
  Buffer.concat([
    rawFile("snapshot.json", envelope),
    ...sparseDisk,
    rawFile("memory", memory),
    endMarker,
  ]);

function check(files: readonly ReadBack[], listed: readonly string[] | undefined): void {
  const [first, cow, mem] = files;
  assert.ok(first !== undefined && cow !== undefined && mem !== undefined && files.length === 3);
  const envelope = decodeEnvelope(first.bytes);
  assert.equal(envelope.config.name, "web");
  assert.deepEqual(envelope.config.imageBlobIds, ["ab"]);
  assert.deepEqual(envelope.files, listed);
  checkArchiveAgainstEnvelope(envelope, [cow, mem]);
  assert.deepEqual(cow.bytes, disk);
  assert.deepEqual(cow.extents, [{ offset: 8192, length: 4096 }]);
  assert.equal(cow.mode, 0o600);
  assert.deepEqual(mem.bytes, memory);
}

test("a hand-made archive is read uncompressed, as gzip and as zstd", async () => {
  for (const [text, listed] of [
    [withFiles, ["cow.raw", "memory"]],
    [envelopeText(""), undefined],
  ] as const) {
    const raw = archiveOf(text);
    const zstd = await collect(compress(oneChunk(raw), "zstd"));
    for (const archive of [raw, gzipSync(raw), zstd]) {
      for (const chunkBytes of [100, 512, 10_000, archive.byteLength]) {
        check(await readAll(decompress(chunked(archive, [chunkBytes]))), listed);
      }
    }
  }
});

test("our output equals the hand-made archive except for device numbers", async () => {
  const { config, files } = decodeEnvelope(Buffer.from(withFiles));
  const envelope = encodeEnvelope(config, files ?? []);
  const written = await collect(
    writeTar(
      [
        { ...memoryFile("cow.raw", disk, [{ offset: 8192, length: 4096 }]), mode: 0o600 },
        { ...memoryFile("memory", memory), mode: 0o644 },
      ],
      { envelope, sparseFormat: "cocoon" },
    ),
  );
  const expected = archiveOf(withFiles);
  assert.equal(written.byteLength, expected.byteLength);
  for (let start = 0; start < written.byteLength; start += 512) {
    const block = written.subarray(start, start + 512);
    if (block.toString("latin1", 257, 262) !== "ustar") {
      assert.deepEqual(block, expected.subarray(start, start + 512));
    }
  }
  check(await readAll(oneChunk(written)), files);
});

test("the size of the disk shows that a program has ignored the sparse records", async () => {
  const flattened = Buffer.concat([
    rawFile("snapshot.json", withFiles),
    ...sparseDisk.slice(1),
    rawFile("memory", memory),
    endMarker,
  ]);
  const [first, ...files] = await readAll(oneChunk(flattened));
  assert.ok(first !== undefined);
  assert.throws(() => {
    checkArchiveAgainstEnvelope(decodeEnvelope(first.bytes), files);
  }, /cow\.raw has 4 KiB, but snapshot\.json says a disk of 32 KiB/);
});
