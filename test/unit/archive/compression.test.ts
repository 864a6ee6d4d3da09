// Tests gzip and zstd streams: detection, checks to the last byte, truncated and trailing data,
// levels, aborts, and the memory of zstd windows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, gunzipSync, gzipSync } from "node:zlib";
import { OwnedChunk, type OwnedStream } from "../../../src/wire/chunk.js";
import {
  compress,
  decompress,
  zstdAvailable,
  type Compression,
} from "../../../src/archive/compression.js";
import { failsWith } from "../../support/errors.js";
import { chunked, collect, oneChunk, rejectsWith } from "./support.js";

const plain = Buffer.concat([
  Buffer.alloc(300_000, "some text that compresses well "),
  Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 2654435761) >>> 13)),
]);
const formats: Compression[] = (await zstdAvailable()) ? ["gzip", "zstd"] : ["gzip"];

const pack = (compression: Compression, bytes: Uint8Array = plain): Promise<Buffer> =>
  collect(compress(chunked(bytes, [70_000]), compression));
const unpack = (source: OwnedStream): Promise<Buffer> => collect(decompress(source));

test("zstd is available on every supported Node", () => {
  assert.deepEqual(formats, ["gzip", "zstd"]);
});

test("an uncompressed stream passes unchanged", async () => {
  for (const bytes of [
    plain,
    Buffer.from([0x1f]),
    Buffer.from([0x28, 0xb5, 0x2f]),
    Buffer.alloc(0),
  ]) {
    assert.deepEqual(await unpack(chunked(bytes, [1, 2, 5000])), bytes);
    assert.deepEqual(await pack("none", bytes), bytes);
  }
});

for (const format of formats) {
  test(`${format}: compressed data is restored, for any chunks`, async () => {
    const packed = await pack(format);
    assert.ok(packed.byteLength < plain.byteLength / 2);
    for (const sizes of [[1 << 30], [1000, 3, 1, 70_000], [1, 1, 1, 1, 1, 9999]]) {
      assert.deepEqual(await unpack(chunked(packed, sizes)), plain);
    }
    assert.deepEqual(await unpack(oneChunk(await pack(format, Buffer.alloc(0)))), Buffer.alloc(0));
  });

  test(`${format}: a truncated stream is ARCHIVE_INVALID`, async () => {
    const packed = await pack(format, Buffer.alloc(5000, "text"));
    for (let length = 4; length < packed.byteLength; length++) {
      const cut = packed.subarray(0, length);
      await rejectsWith(unpack(oneChunk(cut)), "ARCHIVE_INVALID", /cut off/);
      await rejectsWith(unpack(chunked(cut, [7])), "ARCHIVE_INVALID", /cut off/);
    }
  });

  test(`${format}: a stream with trailing data is ARCHIVE_INVALID`, async () => {
    const packed = await pack(format);
    for (const more of [
      "\0",
      "\0".repeat(5000),
      "garbage",
      "\x1f",
      "\x1f\x8b",
      "(\xb5/",
      "P*M\x18",
    ]) {
      const bytes = Buffer.concat([packed, Buffer.from(more, "latin1")]);
      for (const size of [bytes.byteLength, packed.byteLength, 1000]) {
        await rejectsWith(unpack(chunked(bytes, [size])), "ARCHIVE_INVALID");
      }
    }
  });

  test(`${format}: a changed bit in the checksum or in the data is ARCHIVE_INVALID`, async () => {
    const packed = await pack(format);
    for (const fromEnd of [1, 4, 9, 1000]) {
      const bad = Buffer.from(packed);
      const at = bad.byteLength - fromEnd;
      bad[at] = (bad[at] ?? 0) ^ 1;
      await rejectsWith(
        unpack(chunked(bad, [5000])),
        "ARCHIVE_INVALID",
        /damaged|continues|cut off/,
      );
    }
  });

  test(`${format}: several concatenated streams are read as one`, async () => {
    const packed = await pack(format);
    const twice = Buffer.concat([packed, packed]);
    for (const size of [twice.byteLength, packed.byteLength, 1000, packed.byteLength + 2]) {
      assert.deepEqual(await unpack(chunked(twice, [size])), Buffer.concat([plain, plain]));
    }
    const cut = twice.subarray(0, twice.byteLength - 1);
    await rejectsWith(unpack(oneChunk(cut)), "ARCHIVE_INVALID", /cut off/);
  });

  test(`${format}: higher levels work, and invalid levels are refused`, async () => {
    const packed = await collect(compress(oneChunk(plain), format, { level: 6 }));
    assert.deepEqual(await unpack(oneChunk(packed)), plain);
    for (const level of [0, -1, 1.5, 99]) {
      const refused = collect(compress(oneChunk(plain), format, { level }));
      await rejectsWith(refused, "FIELD_INVALID", /level/);
    }
  });

  test(`${format}: an error of the source is passed on unchanged`, async () => {
    const failure = new Error("the line broke");
    const packed = await pack(format);
    async function* broken(bytes: Uint8Array): OwnedStream {
      await Promise.resolve();
      yield OwnedChunk.constant(bytes);
      throw failure;
    }
    const unpacking = unpack(broken(packed.subarray(0, 1000)));
    await assert.rejects(unpacking, (error) => error === failure);
    await assert.rejects(collect(compress(broken(plain), format)), (error) => error === failure);
  });

  test(`${format}: an abort ends decompression while the source hangs, and so does an early return`, async () => {
    const packed = await pack(format);
    async function* hanging(bytes: Uint8Array): OwnedStream {
      yield OwnedChunk.constant(bytes);
      await new Promise(() => undefined);
    }
    for (const open of [
      (signal: AbortSignal) => compress(hanging(plain), format, { signal }),
      (signal: AbortSignal) => decompress(hanging(packed.subarray(0, 2000)), { signal }),
    ]) {
      const controller = new AbortController();
      const reading = collect(open(controller.signal));
      setImmediate(() => {
        controller.abort(new Error("enough"));
      });
      await assert.rejects(reading, /enough/);
    }
    const unpacking = decompress(hanging(packed));
    const first = await unpacking.next();
    assert.equal(first.done, false);
    await unpacking.return(undefined);
  });

  test(`${format}: the source is closed when the reader stops early`, async () => {
    let closed = 0;
    async function* source(): OwnedStream {
      try {
        const packed = await pack(format);
        for (;;) yield OwnedChunk.constant(packed);
      } finally {
        closed++;
      }
    }
    for await (const piece of decompress(source())) {
      assert.ok(piece.length > 0);
      break;
    }
    assert.equal(closed, 1);
  });

  test(`${format}: nothing is read ahead for a reader that waits`, async () => {
    let pulled = 0;
    async function* counted(): OwnedStream {
      const noise = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 2654435761) >>> 11));
      for (; pulled < 200; pulled++) {
        await Promise.resolve();
        yield OwnedChunk.constant(noise);
      }
    }
    const stream = compress(counted(), format);
    await stream.next();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(pulled < 50, `${pulled} chunks were pulled for one that was read`);
    await stream.return(undefined);
  });
}

test("gzip with all optional fields, and with other settings, is read", async () => {
  const bare = gzipSync(plain, { level: 9, strategy: constants.Z_HUFFMAN_ONLY });
  const header = Buffer.from(bare.subarray(0, 10));
  header[3] = 0x1c;
  const extra = Buffer.from("\x02\0xyname\0comment\0", "latin1");
  const named = Buffer.concat([header, extra, bare.subarray(10)]);
  assert.deepEqual(gunzipSync(named), plain);
  for (const bytes of [bare, named]) assert.deepEqual(await unpack(chunked(bytes, [333])), plain);
});

test("zstd with skippable frames and frames of other shapes is read", async () => {
  const packed = await pack("zstd");
  const skippable = Buffer.from("5f2a4d1803000000616263502a4d1800000000", "hex");
  // This hand-made frame has a single segment, no checksum, 4 bytes and one raw block. The next one
  // contains an RLE block instead.
  const raw = Buffer.from("28b52ffd200421000061626364", "hex");
  const rle = Buffer.from("28b52ffd200423000061", "hex");
  const all = Buffer.concat([skippable, raw, packed, skippable, rle]);
  for (const size of [all.byteLength, 1, 11]) {
    assert.deepEqual(
      await unpack(chunked(all, [size])),
      Buffer.concat([Buffer.from("abcd"), plain, Buffer.from("aaaa")]),
    );
  }
});

test("a zstd stream without an end is decoded only as far as it is read", async () => {
  // Each block of 4 bytes contains 128 KiB of zeros, so the 400 KB contain 13 GB.
  const block = Buffer.from([0x02, 0x00, 0x10, 0x00]);
  const bomb = Buffer.concat([
    Buffer.from("28b52ffd0058", "hex"),
    ...Array<Buffer>(100_000).fill(block),
  ]);
  const before = process.memoryUsage().arrayBuffers;
  const stream = decompress(oneChunk(bomb));
  let readBytes = 0;
  while (readBytes < 4 * 1024 * 1024) {
    const { value } = await stream.next();
    readBytes += value?.length ?? 0;
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  await stream.return(undefined);
  assert.ok(grown < 128 * 1024 * 1024, `${grown} bytes of memory for ${readBytes} that were read`);
});

test("zstd windows above 8 MiB share 512 MiB, and a decoder without room is refused until others end", async () => {
  // The byte of the window size means 2^(10 + e), where e is its upper five bits, and an eighth of
  // that more for each unit of its lower three bits. One raw block follows, and no end.
  const asking = (windowByte: number) =>
    Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, windowByte]), rawBlock]);
  const rawBlock = Buffer.from("180000616263", "hex");
  const [mib8, mib128] = [13 << 3, 17 << 3];
  async function* hanging(bytes: Uint8Array): OwnedStream {
    yield OwnedChunk.constant(bytes);
    await new Promise(() => undefined);
  }
  const open = async (bytes: Uint8Array) => {
    const stream = decompress(hanging(bytes));
    assert.equal(Buffer.from((await stream.next()).value?.bytes ?? []).toString(), "abc");
    return stream;
  };
  // Without a window field, the window is as large as the content, here 128 MiB in eight bytes.
  const content = Buffer.from("28b52ffde00000000800000000", "hex");
  const held = [
    await open(Buffer.concat([content, rawBlock])),
    ...[await open(asking(mib128)), await open(asking(mib128)), await open(asking(mib128))],
  ];
  const refused = await failsWith(unpack(oneChunk(asking(mib128))), "TOO_MANY_STREAMS");
  assert.ok(refused.retryAfterMs !== undefined);
  await rejectsWith(unpack(oneChunk(asking(mib8 + 1))), "TOO_MANY_STREAMS", /window/);
  const small = await Promise.all(Array.from({ length: 8 }, () => open(asking(mib8))));
  await held.pop()?.return(undefined);
  held.push(await open(asking(mib128)), ...small);
  for (const stream of held) await stream.return(undefined);
});
