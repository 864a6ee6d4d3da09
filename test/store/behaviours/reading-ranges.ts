// Tests ReadFile: ranges of one file, with holes, damage and bounds.
import assert from "node:assert/strict";
import { readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { releaseRange } from "../../../src/holes/native.js";
import { openPastMode, pastModes } from "../../support/tamper.js";
import { createFrom, kib, makeSmallSource, makeSource, mib, piece } from "../contents.js";
import type { StoreTest } from "../store-test.js";
import type { PlainRanges, ReadFileOptions } from "../subject.js";

type Ranges = NonNullable<ReadFileOptions["ranges"]>;

/** Checks that the answer has every byte of the ranges once, and no other bytes. */
function expectRanges(came: PlainRanges, content: Buffer, ranges: Ranges): void {
  const inside = ranges
    .map(({ offset, length }) => ({ offset, end: Math.min(offset + length, content.length) }))
    .filter(({ offset, end }) => offset < end);
  const seen = new Uint8Array(content.length);
  for (const { offset, bytes } of came.chunks) {
    assert.ok(bytes.equals(content.subarray(offset, offset + bytes.length)), `data at ${offset}`);
    for (let at = offset; at < offset + bytes.length; at += 1) seen[at] = (seen[at] ?? 0) + 1;
  }
  for (const { offset, length } of came.holes) {
    const zeros = content.subarray(offset, offset + length);
    assert.ok(zeros.every((byte) => byte === 0) && zeros.length === length, `hole at ${offset}`);
    for (let at = offset; at < offset + length; at += 1) seen[at] = (seen[at] ?? 0) + 1;
  }
  const expected = new Uint8Array(content.length);
  for (const { offset, end } of inside) expected.fill(1, offset, end);
  assert.ok(Buffer.from(seen).equals(expected), "every byte of the ranges once");
  const dataBytes = came.chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  assert.equal(came.dataBytes, dataBytes);
}

function randomRanges(sizeBytes: number): Ranges {
  const count = 1 + Math.floor(Math.random() * 12);
  const edges = Array.from({ length: count * 2 }, () =>
    Math.floor(Math.random() * sizeBytes * 1.1),
  );
  const sorted = [...new Set(edges)].sort((a, b) => a - b);
  const ranges: { offset: number; length: number }[] = [];
  for (let index = 0; index + 1 < sorted.length; index += 2) {
    const offset = sorted[index] ?? 0;
    ranges.push({ offset, length: (sorted[index + 1] ?? 0) - offset });
  }
  return ranges;
}

export function readingRangesBehaviours(storeTest: StoreTest): void {
  storeTest("the ranges of a file return its bytes and its holes", async ({ store, scratch }) => {
    const source = await makeSource(join(scratch, "source"), [
      {
        name: "disk",
        sizeBytes: 3 * mib + 777,
        pieces: [
          piece(0, 5),
          piece(300 * kib, 400 * kib),
          piece(2 * mib - 3, 9),
          piece(3 * mib, 777),
        ],
      },
      { name: "empty", sizeBytes: 0, pieces: [] },
      { name: "hole", sizeBytes: 2 * mib, pieces: [] },
    ]);
    const { id, files } = await createFrom(store, source, { name: "web" });
    for (const file of files) {
      const content = await readFile(join(source, file.name));
      for (const verify of [true, false]) {
        const whole = await store.readFile({ ref: "web", file: file.name, verify });
        expectRanges(whole, content, [{ offset: 0, length: content.length }]);
        assert.equal(whole.snapshotId, id);
        assert.deepEqual(whole.file, file);
        for (let turn = 0; turn < 15; turn += 1) {
          const ranges = randomRanges(content.length);
          const came = await store.readFile({ ref: "web", file: file.name, ranges, verify });
          expectRanges(came, content, ranges);
        }
      }
    }
    const last = { offset: 3 * mib + 770, length: 2 ** 52 };
    const { chunks } = await store.readFile({ ref: "web", file: "disk", ranges: [last] });
    assert.deepEqual(
      chunks.map(({ offset, bytes }) => [offset, bytes.length]),
      [[last.offset, 7]],
    );
  });

  storeTest("a file can be read by the digest of its snapshot", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const { digest } = await createFrom(store, source, { name: "web" });
    const content = await readFile(join(source, "state.json"));
    const came = await store.readFile({ digest, file: "state.json" });
    expectRanges(came, content, [{ offset: 0, length: content.length }]);
    const other = `sha256:${"0".repeat(64)}`;
    await assert.rejects(store.readFile({ digest: other, file: "state.json" }), {
      reason: "SNAPSHOT_NOT_FOUND",
    });
  });

  storeTest("a meaningless request is refused", async ({ store, scratch }) => {
    const { digest } = await createFrom(store, await makeSmallSource(join(scratch, "source")), {
      name: "web",
    });
    const of = (ranges: Ranges) => ({ ref: "web", file: "cow.raw", ranges });
    const cases: readonly [field: string, request: ReadFileOptions][] = [
      ["file", { ref: "web", file: "" }],
      ["file", { ref: "web", file: "../manifest.json" }],
      ["ref", { ref: "web", digest, file: "cow.raw" }],
      ["digest", { digest: "sha256:abc", file: "cow.raw" }],
      ["ranges[0].length", of([{ offset: 0, length: 0 }])],
      [
        "ranges[1].offset",
        of([
          { offset: 0, length: 10 },
          { offset: 9, length: 1 },
        ]),
      ],
      [
        "ranges[1].offset",
        of([
          { offset: 10, length: 1 },
          { offset: 0, length: 1 },
        ]),
      ],
      ["ranges", of(Array.from({ length: 4097 }, (_, at) => ({ offset: at * 2, length: 1 })))],
    ];
    for (const [field, request] of cases) {
      await assert.rejects(store.readFile(request), (error: Error & { fields?: unknown }) => {
        assert.deepEqual(
          (error.fields as { field: string }[]).map((each) => each.field),
          [field],
          error.message,
        );
        return true;
      });
    }
    await assert.rejects(store.readFile({ ref: "web", file: "nothing" }), /expected a file of/);
    const most = Array.from({ length: 4096 }, (_, at) => ({ offset: at * 2, length: 1 }));
    const { chunks, holes } = await store.readFile(of(most));
    assert.equal(chunks.length + holes.length, 4096);
  });

  storeTest(
    "damage ends a read with its offset, and only reads of the damaged block",
    async ({ store, scratch }) => {
      const pieces = [piece(0, mib)];
      const source = await makeSource(join(scratch, "source"), [
        { name: "memory", sizeBytes: mib, pieces },
      ]);
      const { id } = await createFrom(store, source, { name: "web" });
      const path = join(store.root, "data", id, "files", "memory");
      const content = await readFile(path);
      const at = 600 * kib;
      await using handle = await openPastMode(path);
      await handle.write(Buffer.from([(content[at] ?? 0) ^ 1]), 0, 1, at);
      const page = (offset: number): Ranges => [{ offset, length: 4 * kib }];
      const read = (offset: number, rest: Partial<ReadFileOptions> = {}) =>
        store.readFile({ ref: "web", file: "memory", ranges: page(offset), ...rest });
      // The server does not send the intact bytes of a damaged block either.
      expectRanges(await read(0), content, page(0));
      await assert.rejects(read(at - 8 * kib), {
        reason: "STORED_DATA_CORRUPT",
        metadata: { file: "memory", offset: String(512 * kib), length: String(256 * kib) },
      });
      assert.equal((await store.inspect("web")).corrupt, true);
      await assert.rejects(read(0), { reason: "STORED_DATA_CORRUPT" });
      expectRanges(await read(0, { force: true }), content, page(0));
      const raw = await read(at, { force: true, verify: false });
      assert.equal(raw.chunks[0]?.bytes[0], (content[at] ?? 0) ^ 1);
    },
    { damaged: ["data_damaged", "marked_corrupt"] },
  );

  storeTest(
    "data that became a hole is damage, even if a range covers only the hole",
    async ({ store, scratch }) => {
      const source = await makeSource(join(scratch, "source"), [
        { name: "memory", sizeBytes: mib, pieces: [piece(0, mib)] },
      ]);
      const { id } = await createFrom(store, source, { name: "web" });
      await using handle = await openPastMode(join(store.root, "data", id, "files", "memory"));
      await releaseRange(handle.fd, 300 * kib, 64 * kib);
      const ranges = [{ offset: 304 * kib, length: 4 * kib }];
      await assert.rejects(store.readFile({ ref: "web", file: "memory", ranges }), {
        reason: "STORED_DATA_CORRUPT",
      });
      assert.equal((await store.inspect("web")).corrupt, true);
      await releaseRange(handle.fd, 256 * kib, 256 * kib);
      await assert.rejects(store.readFile({ ref: "web", file: "memory", ranges, force: true }), {
        reason: "STORED_DATA_CORRUPT",
      });
    },
    { damaged: ["data_damaged", "marked_corrupt"] },
  );

  storeTest(
    "a read of one file does not read the other files",
    async ({ store, scratch }) => {
      const source = await makeSmallSource(join(scratch, "source"));
      const { id } = await createFrom(store, source, { name: "web" });
      const stored = join(store.root, "data", id, "files");
      await pastModes(join(stored, "cow.raw"), () => unlink(join(stored, "cow.raw")));
      const content = await readFile(join(source, "state.json"));
      const came = await store.readFile({ ref: "web", file: "state.json" });
      expectRanges(came, content, [{ offset: 0, length: content.length }]);
      assert.equal((await store.inspect("web")).corrupt, false);
      await assert.rejects(store.readFile({ ref: "web", file: "cow.raw" }), {
        reason: "STORED_DATA_CORRUPT",
      });
      assert.equal((await store.inspect("web")).corrupt, true);
    },
    { damaged: ["file_missing", "marked_corrupt"] },
  );
}
