// Tests the output of the writer. The bytes are compared exactly where other programs depend on
// them, and the reader of tar-stream gives a second opinion.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Readable } from "node:stream";
import { extract, type Header } from "tar-stream";
import { lend, OwnedChunk, type OwnedStream } from "../../../src/wire/chunk.js";
import { readTar } from "../../../src/archive/tar-reader.js";
import { writeTar, type ArchiveFile, type SparseFormat } from "../../../src/archive/tar-writer.js";
import { planEntry } from "../../../src/archive/entry-plan.js";
import { decodeTarHeader } from "../../../src/archive/tar-header.js";
import { collect, memoryFile, readAll, paxRecord, rejectsWith } from "./support.js";

const content = Buffer.from("0123456789".repeat(300));
const extents = [
  { offset: 100, length: 50 },
  { offset: 2000, length: 900 },
];

interface Seen {
  readonly header: Header;
  readonly body: Buffer;
}

/** Copies each chunk, because tar-stream keeps unread data. */
async function* copied(stream: OwnedStream): AsyncGenerator<Buffer> {
  for await (const bytes of lend(stream)) yield Buffer.from(bytes);
}

/** Returns the entries as tar-stream parses them. */
async function viaTarStream(stream: OwnedStream): Promise<Seen[]> {
  const entries: Seen[] = [];
  const tar = extract();
  const piped = Readable.from(copied(stream), { objectMode: false }).pipe(tar);
  for await (const entry of piped) {
    const body: Buffer[] = [];
    for await (const piece of entry) body.push(Buffer.from(piece as Uint8Array));
    entries.push({ header: entry.header, body: Buffer.concat(body) });
  }
  return entries;
}

/** Returns the only PAX header at the start of an archive. */
function paxOf(archive: Buffer): string {
  assert.equal(archive.toString("latin1", 156, 157), "x");
  return archive.toString("utf8", 512, 512 + decodeTarHeader(archive, "header").sizeBytes);
}

test("a plain file with a short ASCII name is one ustar entry", async () => {
  const archive = await collect(writeTar([memoryFile("disk.raw", content)]));
  assert.equal(archive.byteLength, 512 + 3072 + 1024);
  const header = decodeTarHeader(archive, "header");
  assert.equal(Buffer.from(header.name).toString(), "disk.raw");
  assert.deepEqual(
    { type: header.type, mode: header.mode, size: header.sizeBytes },
    { type: "0", mode: 0o640, size: 3000 },
  );
  assert.deepEqual(archive.subarray(512, 512 + 3000), content);
  assert.ok(archive.subarray(512 + 3000).every((byte) => byte === 0));
});

test("the envelope comes first, with mode 0644", async () => {
  const envelope = Buffer.from('{"version": 1}\n');
  const entries = await viaTarStream(writeTar([memoryFile("a", content)], { envelope }));
  assert.deepEqual(
    entries.map(({ header }) => [header.name, header.mode]),
    [
      ["snapshot.json", 0o644],
      ["a", 0o640],
    ],
  );
  assert.deepEqual(entries[0]?.body, envelope);
});

test("cocoon's format has two records and adjacent segments, and the size in the header is their sum", async () => {
  const file = memoryFile("cow.raw", content, extents);
  const archive = await collect(writeTar([file], { sparseFormat: "cocoon" }));
  const map = '[{"o":100,"l":50},{"o":2000,"l":900}]';
  assert.equal(
    paxOf(archive),
    paxRecord("COCOON.sparse.map", map) + paxRecord("COCOON.sparse.size", "3000"),
  );
  const [entry] = await viaTarStream(writeTar([file], { sparseFormat: "cocoon" }));
  assert.equal(entry?.header.name, "cow.raw");
  assert.equal(entry.header.size, 950);
  assert.deepEqual(
    entry.body,
    Buffer.concat([content.subarray(100, 150), content.subarray(2000, 2900)]),
  );
});

test("GNU's format 1.0 has a map before the data, whole blocks, and a mark for a hole at the end", async () => {
  const file = memoryFile("cow.raw", content, extents);
  const archive = await collect(writeTar([file], { sparseFormat: "gnu" }));
  assert.equal(
    paxOf(archive),
    paxRecord("GNU.sparse.major", "1") +
      paxRecord("GNU.sparse.minor", "0") +
      paxRecord("GNU.sparse.name", "cow.raw") +
      paxRecord("GNU.sparse.realsize", "3000"),
  );
  const [entry] = await viaTarStream(writeTar([file], { sparseFormat: "gnu" }));
  assert.equal(entry?.header.name, "GNUSparseFile.0/cow.raw");
  const map = "2\n0\n512\n1536\n1464\n";
  assert.equal(entry.body.toString("latin1", 0, map.length), map);
  assert.equal(entry.body.byteLength, 512 + 512 + 1464);
  const endsEarly = [{ offset: 0, length: 512 }];
  const [early] = await viaTarStream(
    writeTar([memoryFile("a", content, endsEarly)], { sparseFormat: "gnu" }),
  );
  assert.equal(early?.body.toString("latin1", 0, 15), "2\n0\n512\n3000\n0\n");
});

test("an entry is plain if it has no holes, if they are unknown, and if it is empty", async () => {
  const whole = [{ offset: 0, length: content.byteLength }];
  const split = [
    { offset: 0, length: 1000 },
    { offset: 1000, length: 2000 },
  ];
  for (const sparseFormat of ["cocoon", "gnu", "none"] as const) {
    for (const known of [undefined, whole, split]) {
      const archive = await collect(writeTar([memoryFile("a", content, known)], { sparseFormat }));
      assert.equal(archive.toString("latin1", 156, 157), "0");
      assert.deepEqual(archive.subarray(512, 3512), content);
    }
    const empty = await collect(writeTar([memoryFile("a", Buffer.alloc(0), [])], { sparseFormat }));
    assert.equal(empty.byteLength, 512 + 1024);
  }
});

test("the format `none` writes holes as zeros without reading them", async () => {
  const read: [number, number][] = [];
  const file: ArchiveFile = {
    ...memoryFile("a", content),
    extents,
    async *pieces() {
      for await (const piece of memoryFile("a", content, extents).pieces()) {
        read.push([piece.offset, piece.chunk.length]);
        yield piece;
      }
    },
  };
  const [entry] = await viaTarStream(writeTar([file], { sparseFormat: "none" }));
  const expected = Buffer.alloc(3000);
  for (const { offset, length } of extents) {
    content.copy(expected, offset, offset, offset + length);
  }
  assert.deepEqual(entry?.body, expected);
  assert.deepEqual(read, [
    [100, 50],
    [2000, 900],
  ]);
});

const oneByte = OwnedChunk.constant(Buffer.alloc(1, 1));

/**
 * Returns a file of `count` segments of one byte. The distance between segments is `stride` bytes.
 */
function fragmented(count: number, stride: number): ArchiveFile {
  return {
    name: "memory",
    mode: 0o600,
    sizeBytes: count * stride,
    extents: Array.from({ length: count }, (_, i) => ({ offset: i * stride, length: 1 })),
    async *pieces() {
      await Promise.resolve();
      for (let i = 0; i < count; i += 1) yield { offset: i * stride, chunk: oneByte };
    },
  };
}

test("a cocoon map above 800 KiB is shortened by writing the smallest holes as zeros", async () => {
  // With these numbers each segment takes {"o":10000000,"l":1}, which is 21 bytes with the comma.
  const base = 10_000_000;
  const gap = (index: number): number => (index % 4 === 0 ? 40 : 2);
  const shape = (count: number): Parameters<typeof planEntry>[0] => {
    let offset = base;
    const segments = Array.from({ length: count }, (_, index) => {
      offset += gap(index);
      return { offset, length: 1 };
    });
    return { name: "a", mode: 0, sizeBytes: 90_000_000, extents: segments };
  };
  const fits = Math.floor((800 * 1024 - 1) / 21);
  const exact = planEntry(shape(fits), "cocoon", 0);
  assert.equal(exact.filledHoles, false);
  assert.equal(exact.bodyBytes, fits);
  const { extents, ...longer } = shape(fits + 1);
  const plan = planEntry({ ...longer, extents }, "cocoon", 0);
  assert.equal(plan.filledHoles, true);
  for (const { head } of [exact, plan]) {
    assert.ok(decodeTarHeader(head, "header").sizeBytes < 1024 * 1024, "Go reads at most 1 MiB");
  }
  // All large holes are kept. Each small hole costs at most one byte.
  assert.ok(plan.bodyBytes < 2 * fits, `${plan.bodyBytes} bytes`);
  const file: ArchiveFile = {
    ...longer,
    extents,
    async *pieces() {
      await Promise.resolve();
      for (const { offset } of extents ?? []) yield { offset, chunk: oneByte };
    },
  };
  const [entry] = await readAll(writeTar([file], { sparseFormat: "cocoon" }));
  const expected = Buffer.alloc(longer.sizeBytes);
  for (const { offset } of extents ?? []) expected[offset] = 1;
  assert.ok(entry?.bytes.equals(expected));
});

test("100,000 segments are kept in GNU's format", async () => {
  const file = fragmented(100_000, 1024);
  let segments = 0;
  for await (const entry of readTar(writeTar([file], { sparseFormat: "gnu" }))) {
    assert.equal(entry.sizeBytes, 100_000 * 1024);
    segments = entry.extents?.length ?? 0;
    let dataBytes = 0;
    let misplacedBytes = 0;
    for await (const { offset, chunk } of entry.pieces()) {
      // The writer widens each extent of one byte to its block.
      if (offset % 1024 >= 512) misplacedBytes += chunk.length;
      dataBytes += chunk.length;
    }
    assert.deepEqual({ dataBytes, misplacedBytes }, { dataBytes: 51_200_000, misplacedBytes: 0 });
  }
  assert.equal(segments, 100_000);
});

test("a file of 600,000 segments costs little more than its data in GNU's format", async () => {
  const count = 600_000;
  let segments = 0;
  let archiveBytes = 0;
  const counted = async function* () {
    for await (const piece of writeTar([fragmented(count, 8192)], { sparseFormat: "gnu" })) {
      archiveBytes += piece.length;
      yield piece;
    }
  };
  for await (const entry of readTar(counted())) segments = entry.extents?.length ?? 0;
  assert.equal(segments, count);
  assert.ok(archiveBytes < 1.04 * count * 512, `${archiveBytes} bytes`);
});

test("names that do not fit into ustar are written as PAX records", async () => {
  const names = ["n".repeat(100), "n".repeat(101), "n".repeat(255), "größe.raw", "a=b", "😀", " "];
  const files = names.map((name) => memoryFile(name, Buffer.from(name)));
  for (const sparseFormat of ["cocoon", "gnu"] as const) {
    const sparse = names.map((name) => memoryFile(`s${name}`.slice(0, 255), content, extents));
    const entries = await viaTarStream(writeTar([...files, ...sparse], { sparseFormat }));
    assert.deepEqual(
      entries.slice(0, names.length).map(({ header }) => header.name),
      names,
    );
    const back: string[] = [];
    for await (const entry of readTar(writeTar([...files, ...sparse], { sparseFormat }))) {
      back.push(entry.name);
    }
    assert.deepEqual(back, [...names, ...sparse.map(({ name }) => name)]);
  }
});

// The pack function of tar-stream changes mode 0 to 0644.
test("mode 0 stays 0, and bits other than permissions are removed", async () => {
  const modes = [0, 0o777, 0o104755, 0o100600];
  const files = modes.map((mode, i) => ({ ...memoryFile(`f${i}`, content), mode }));
  const entries = await viaTarStream(writeTar(files));
  assert.deepEqual(
    entries.map(({ header }) => header.mode),
    [0, 0o777, 0o755, 0o600],
  );
});

test("a time after 2038 is kept, and an entry without a time has time 0", async () => {
  const modifiedAt = new Date("2100-01-02T03:04:05.678Z");
  const [late] = await viaTarStream(writeTar([memoryFile("a", content)], { modifiedAt }));
  assert.equal(late?.header.mtime?.toISOString(), "2100-01-02T03:04:05.000Z");
  const [none] = await viaTarStream(writeTar([memoryFile("a", content)]));
  assert.equal(none?.header.mtime?.getTime(), 0);
});

test("equal files give equal bytes", async () => {
  const files = [
    memoryFile("a", content, extents),
    memoryFile("ü".repeat(60), content),
    memoryFile("empty", Buffer.alloc(0)),
  ];
  for (const sparseFormat of ["cocoon", "gnu", "none"] as const) {
    const options = { sparseFormat, envelope: Buffer.from("{}\n") };
    const archive = await collect(writeTar(files, options));
    assert.deepEqual(await collect(writeTar(files, options)), archive);
  }
});

/** Returns a file that is one hole, except for a few bytes at its end. */
function hugeFile(sizeBytes: number): ArchiveFile {
  return {
    name: "huge",
    mode: 0o600,
    sizeBytes,
    extents: [{ offset: sizeBytes - 4, length: 4 }],
    async *pieces() {
      await Promise.resolve();
      yield { offset: sizeBytes - 4, chunk: OwnedChunk.constant(Buffer.alloc(4, 7)) };
    },
  };
}

for (const [sparseFormat, sizeBytes] of [
  ["cocoon", Number.MAX_SAFE_INTEGER],
  ["gnu", Number.MAX_SAFE_INTEGER],
  ["none", 9 * 2 ** 30 + 5],
] as const satisfies readonly [SparseFormat, number][]) {
  test(`sizes above 8 GiB are written and read (${sparseFormat})`, async () => {
    let bodyBytes = 0;
    let last = "";
    for await (const entry of readTar(writeTar([hugeFile(sizeBytes)], { sparseFormat }))) {
      assert.equal(entry.sizeBytes, sizeBytes);
      for await (const { offset, chunk } of entry.pieces()) {
        bodyBytes += chunk.length;
        if (offset + chunk.length === sizeBytes) last = Buffer.from(chunk.bytes).toString("hex");
      }
    }
    assert.ok(last.endsWith("07070707"));
    assert.equal(bodyBytes, sparseFormat === "none" ? sizeBytes : sparseFormat === "gnu" ? 511 : 4);
  });
}

test("a size above 8 GiB is in the PAX records and in the header", async () => {
  const shape = { name: "a", mode: 0o644, sizeBytes: 8 ** 11, extents: undefined };
  const head = Buffer.from(planEntry(shape, "cocoon", 0).head);
  assert.equal(paxOf(head), paxRecord("size", String(8 ** 11)));
  // The reader of tar-stream accepts both forms.
  const tar = extract();
  const seen = new Promise<number | undefined>((resolve) => {
    tar.on("entry", (header) => {
      resolve(header.size);
    });
  });
  tar.write(head);
  assert.equal(await seen, 8 ** 11);
  tar.destroy();
});

test("a file that is shorter or longer than its size is STORED_DATA_CORRUPT", async () => {
  for (const wrong of [content.subarray(0, 2999), Buffer.concat([content, content])]) {
    const file: ArchiveFile = {
      ...memoryFile("disk.raw", content),
      async *pieces() {
        await Promise.resolve();
        yield { offset: 0, chunk: OwnedChunk.constant(wrong) };
      },
    };
    await rejectsWith(
      collect(writeTar([file])),
      "STORED_DATA_CORRUPT",
      /file disk\.raw: expected (1 bytes at 2999|3000 bytes at 0)/,
    );
  }
});

test("names that cannot be read again are not written", async () => {
  await rejectsWith(collect(writeTar([memoryFile("a/b", content)])), "ARCHIVE_INVALID");
  const twice = [memoryFile("a", content), memoryFile("a", content)];
  await rejectsWith(collect(writeTar(twice)), "INTERNAL", /twice/);
  const taken = writeTar([memoryFile("snapshot.json", content)], { envelope: Buffer.from("{}") });
  await rejectsWith(collect(taken), "INTERNAL", /twice/);
  const outside = [{ offset: 2999, length: 2 }];
  await rejectsWith(collect(writeTar([memoryFile("a", content, outside)])), "INTERNAL", /beyond/);
});

test("small pieces are joined, and large pieces are passed on unchanged", async () => {
  const large = Buffer.alloc(512 * 1024, 1);
  const seen: Uint8Array[] = [];
  const files = [memoryFile("a", large, undefined, large.byteLength), memoryFile("b", content)];
  const sizes: number[] = [];
  for await (const piece of writeTar(files)) {
    sizes.push(piece.length);
    seen.push(piece.bytes);
  }
  assert.deepEqual(sizes, [512, 512 * 1024, 512 + 3072 + 1024]);
  assert.equal(seen[1]?.buffer, large.buffer);
});

test("an abort ends the writing, and an early return closes the file that is being read", async () => {
  const controller = new AbortController();
  let closed = false;
  const file: ArchiveFile = {
    ...memoryFile("a", content),
    sizeBytes: 10 * 1024 * 1024,
    async *pieces() {
      try {
        for (let offset = 0; ; offset += 100_000) {
          await Promise.resolve();
          yield { offset, chunk: OwnedChunk.constant(Buffer.alloc(100_000)) };
        }
      } finally {
        closed = true;
      }
    },
  };
  for await (const piece of writeTar([file])) {
    assert.ok(piece.length > 0);
    break;
  }
  let pieces = 0;
  await assert.rejects(async () => {
    for await (const piece of writeTar([file], { signal: controller.signal })) {
      assert.ok(piece.length > 0);
      if (++pieces === 3) controller.abort(new Error("enough"));
    }
  }, /enough/);
  assert.equal(pieces, 3);
  assert.equal(closed, true);
});
