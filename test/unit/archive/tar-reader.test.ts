// Tests hand-made archives that the reader accepts or refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OwnedStream } from "../../../src/wire/chunk.js";
import { readTar } from "../../../src/archive/tar-reader.js";
import { chunkOf } from "../../support/chunks.js";
import {
  chunked,
  endMarker,
  oneChunk,
  padded,
  rawFile,
  rawHeader,
  rawPax,
  rawPaxBody,
  readAll,
  rejectsWith,
} from "./support.js";

/** Returns one chunk for each block. Bytes that are not copied in time are overwritten. */
const inBlocks = (...parts: Uint8Array[]): OwnedStream => chunked(Buffer.concat(parts), [512]);

const names = async (...parts: Uint8Array[]): Promise<string[]> =>
  (await readAll(inBlocks(...parts, endMarker))).map(({ name }) => name);

const refused = (message: RegExp, ...parts: Uint8Array[]): Promise<void> =>
  rejectsWith(readAll(inBlocks(...parts, endMarker)), "ARCHIVE_INVALID", message);

test("plain files are read, and an empty archive has no files", async () => {
  const files = await readAll(oneChunk(rawFile("a", "hello"), rawFile("b", ""), endMarker));
  assert.deepEqual(
    files.map(({ name, mode, sizeBytes, extents, bytes }) => [
      name,
      mode,
      sizeBytes,
      extents,
      bytes.toString(),
    ]),
    [
      ["a", 0o644, 5, undefined, "hello"],
      ["b", 0o644, 0, undefined, ""],
    ],
  );
  assert.deepEqual(await names(), []);
});

test("snapshot.json is an ordinary entry at any position", async () => {
  assert.deepEqual(await names(rawFile("a", "1"), rawFile("snapshot.json", "{}")), [
    "a",
    "snapshot.json",
  ]);
});

test("a leading ./ is removed, and the directory . is skipped", async () => {
  const directories = [".", "./", ".//"].map((name) => rawHeader({ name, type: "5" }));
  const v7 = rawHeader({ name: "./", type: "\0", magic: "\0".repeat(8) });
  assert.deepEqual(await names(...directories, v7, rawFile("./a", "x"), rawFile("b", "y")), [
    "a",
    "b",
  ]);
  const prefixed = rawHeader({ name: "c", prefix: "." });
  assert.deepEqual(await names(prefixed), ["c"]);
});

test("names that are invalid for data files are refused", async () => {
  for (const name of ["a/b", "/a", "..", "../a", "././a", ".", "./..", "a\nb", "\x7f", "a\\\tb"]) {
    await refused(/the name/, rawFile(name, "x"));
  }
  await refused(/the name is empty/, rawHeader({ name: "" }));
  await refused(/NUL or control/, rawPax([["path", "a\0b"]]), rawFile("a", "x"));
  await refused(/longer than 255/, rawPax([["path", "x".repeat(256)]]), rawFile("a", "x"));
  await refused(/not valid UTF-8/, rawHeader({ name: Buffer.from([0x61, 0xff, 0x62]) }));
  await refused(/the name is empty/, rawPax([["path", ""]]), rawFile("a", "x"));
  assert.deepEqual(await names(rawPax([["path", "é".repeat(127)]]), rawFile("a", "x")), [
    "é".repeat(127),
  ]);
});

test("a name that occurs twice is refused", async () => {
  await refused(
    /"a": the name comes twice/,
    rawFile("a", "1"),
    rawFile("b", "2"),
    rawFile("a", "3"),
  );
  await refused(/comes twice/, rawFile("a", "1"), rawFile("./a", "2"));
  await refused(/comes twice/, rawFile("a", "1"), rawPax([["path", "a"]]), rawFile("b", "2"));
});

test("the error for an unsupported entry names its type", async () => {
  const kinds: [string, RegExp][] = [
    ["1", /a hard link/],
    ["2", /a symbolic link/],
    ["3", /a character device/],
    ["4", /a block device/],
    ["5", /is a directory/],
    ["6", /a FIFO/],
    ["D", /a GNU directory dump/],
    ["K", /long target/],
    ["M", /another volume/],
    ["V", /a volume label/],
    ["Z", /unknown type "Z"/],
  ];
  for (const [type, message] of kinds) {
    await refused(message, rawHeader({ name: "a", type }));
  }
  await refused(/is a directory/, rawHeader({ name: "a/" }));
  assert.deepEqual(await names(rawHeader({ name: "a", type: "7" })), ["a"]);
});

// Version 3.2.2 of tar-stream waits forever at such a header.
test("a directory with data is refused", async () => {
  const header = rawHeader({ name: "./", type: "5", size: 600 });
  await refused(/a directory with 600 bytes/, header, Buffer.alloc(1024, 1));
});

test("a PAX path and size replace the values of the header", async () => {
  const [file] = await readAll(
    oneChunk(
      rawPax([
        ["path", "ä=b"],
        ["size", "5"],
        ["mtime", "1.5"],
        ["comment", "a\nb=c"],
      ]),
      rawHeader({ name: "PaxHeader", size: 0 }),
      padded("hello"),
      endMarker,
    ),
  );
  assert.equal(file?.name, "ä=b");
  assert.equal(file.bytes.toString(), "hello");
});

test("inconsistent PAX headers are refused", async () => {
  const file = rawFile("a", "x");
  await refused(/PAX size/, rawPax([["size", "1e1"]]), file);
  await refused(/PAX size/, rawPax([["size", "9007199254740992"]]), file);
  await refused(/"size" comes twice/, rawPaxBody("9 size=1\n9 size=2\n"), file);
  await refused(/PAX record at byte 0/, rawPaxBody("99 path=b\n"), file);
  await refused(
    /two headers for one entry/,
    rawPax([["path", "b"]]),
    rawPax([["path", "c"]]),
    file,
  );
  await refused(/without an entry/, rawPax([["path", "b"]]));
  await refused(/global header for one entry/, rawPax([["path", "b"]]), rawPax([], "g"), file);
});

test("global PAX headers may not describe files", async () => {
  assert.deepEqual(await names(rawPax([["comment", "x"]], "g"), rawFile("a", "x")), ["a"]);
  for (const key of ["path", "size", "COCOON.sparse.map", "GNU.sparse.major"]) {
    await refused(/a header for all entries/, rawPax([[key, "1"]], "g"), rawFile("a", "x"));
  }
});

test("GNU long names are read", async () => {
  const name = "n".repeat(200);
  const long = rawHeader({ name: "././@LongLink", type: "L", size: 201, magic: "ustar  \0" });
  const file = rawHeader({ name: name.slice(0, 100), magic: "ustar  \0" });
  assert.deepEqual(await names(long, padded(`${name}\0`), file), [name]);
  await refused(/without an entry/, long, padded(`${name}\0`));
});

test("v7 headers are read", async () => {
  const header = rawHeader({ name: "a", type: "\0", magic: "\0".repeat(8), size: 3 });
  assert.deepEqual(await names(header, padded("abc")), ["a"]);
});

test("input that is not a tar is refused with a hint", async () => {
  await refused(/not a tar header: its checksum/, Buffer.alloc(512, "not a tar "));
  await rejectsWith(readAll(oneChunk()), "ARCHIVE_INVALID", /cut off.*ends at byte 0/);
});

test("the end marker is two zero blocks, and only zeros may follow it", async () => {
  const file = rawFile("a", "x");
  assert.equal((await readAll(oneChunk(file, endMarker, Buffer.alloc(9216)))).length, 1);
  assert.equal((await readAll(oneChunk(file, endMarker, Buffer.alloc(7)))).length, 1);
  await refused(/lone zero block/, file, Buffer.alloc(512), file);
  for (const position of [0, 511, 512, 70_000]) {
    const trailer = Buffer.alloc(70_001);
    trailer[position] = 1;
    await refused(/continues after its end marker/, file, endMarker, trailer);
  }
  // This is a second archive after the first one.
  await refused(/continues after its end marker/, file, endMarker, file);
});

test("a limit ends a stream of zeros after the end marker", async () => {
  async function* endless(): OwnedStream {
    yield chunkOf(rawFile("a", "x"));
    await Promise.resolve();
    const zeros = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 100; i++) yield chunkOf(zeros);
  }
  await rejectsWith(readAll(endless()), "LIMIT_EXCEEDED", /max_trailing_bytes/);
});

test("unread data is skipped", async () => {
  const source = chunked(
    Buffer.concat([
      rawFile("a", "x".repeat(3000)),
      rawFile("b", "yes"),
      rawFile("c", ""),
      endMarker,
    ]),
    [700],
  );
  const seen: string[] = [];
  for await (const entry of readTar(source)) {
    seen.push(entry.name);
    for await (const piece of entry.pieces()) {
      assert.ok(piece.chunk.length > 0);
      break;
    }
  }
  assert.deepEqual(seen, ["a", "b", "c"]);
});

test("pieces can be read once, and not after the next entry was requested", async () => {
  const source = oneChunk(rawFile("a", "abc"), rawFile("b", "def"), endMarker);
  const reader = readTar(source)[Symbol.asyncIterator]();
  const first = await reader.next();
  assert.ok(first.done !== true);
  const pieces = first.value.pieces()[Symbol.asyncIterator]();
  assert.equal((await pieces.next()).done, false);
  assert.throws(() => first.value.pieces(), /only once/);
  assert.equal((await reader.next()).done, false);
  await assert.rejects(pieces.next(), /after the entry behind it/);
  await reader.return(undefined);
});

test("the error for an exceeded limit names the limit", async () => {
  const many = [rawFile("a", "1"), rawFile("b", "2"), rawFile("c", "3")];
  const read = (limits: object): Promise<unknown> =>
    readAll(oneChunk(...many, endMarker), { limits });
  assert.equal(((await read({ maxFiles: 3 })) as unknown[]).length, 3);
  await rejectsWith(read({ maxFiles: 2 }), "LIMIT_EXCEEDED", /at most 2 \(limit max_files\)/);
  await rejectsWith(read({ maxTotalBytes: 2 }), "LIMIT_EXCEEDED", /max_total_bytes/);
  const pax = [rawPax([["comment", "x".repeat(600)]]), rawFile("a", "1"), endMarker];
  await rejectsWith(
    readAll(oneChunk(...pax), { limits: { maxPaxBytes: 600 } }),
    "LIMIT_EXCEEDED",
    /max_pax_bytes/,
  );
  const globals = Array.from({ length: 5 }, () => rawPax([["comment", "x"]], "g"));
  await rejectsWith(
    readAll(oneChunk(...globals, endMarker), { limits: { maxFiles: 4 } }),
    "LIMIT_EXCEEDED",
    /max_files/,
  );
});

test("sizes whose sum exceeds the safe integers exceed the default limit", async () => {
  const huge = (name: string): Buffer =>
    Buffer.concat([
      rawPax([
        ["COCOON.sparse.map", "[]"],
        ["COCOON.sparse.size", String(Number.MAX_SAFE_INTEGER)],
      ]),
      rawHeader({ name }),
    ]);
  const sizes: number[] = [];
  const read = async (): Promise<void> => {
    for await (const entry of readTar(oneChunk(huge("a"), huge("b"), endMarker))) {
      sizes.push(entry.sizeBytes);
    }
  };
  await rejectsWith(read(), "LIMIT_EXCEEDED", /max_total_bytes/);
  assert.deepEqual(sizes, [Number.MAX_SAFE_INTEGER]);
});

test("an error of the source is passed on unchanged", async () => {
  const failure = new Error("the line broke");
  async function* broken(): OwnedStream {
    yield chunkOf(rawHeader({ name: "a", size: 1000 }));
    await Promise.resolve();
    throw failure;
  }
  await assert.rejects(readAll(broken()), (error) => error === failure);
});

test("the source is closed when the reader stops or fails", async () => {
  let closed = 0;
  async function* source(): OwnedStream {
    try {
      for (;;) {
        yield chunkOf(rawFile("a", "x"));
        await Promise.resolve();
      }
    } finally {
      closed++;
    }
  }
  for await (const entry of readTar(source())) {
    assert.equal(entry.name, "a");
    break;
  }
  assert.equal(closed, 1);
  await rejectsWith(readAll(source()), "ARCHIVE_INVALID", /comes twice/);
  assert.equal(closed, 2);
});

test("an abort ends a read while the source hangs", async () => {
  async function* hanging(): OwnedStream {
    yield chunkOf(rawHeader({ name: "a", size: 1000 }));
    await new Promise(() => undefined);
  }
  const controller = new AbortController();
  const reading = readAll(hanging(), { signal: controller.signal });
  setImmediate(() => {
    controller.abort(new Error("enough"));
  });
  await assert.rejects(reading, /enough/);
  await assert.rejects(readAll(hanging(), { signal: controller.signal }), /enough/);
});
