// Compression of whole archives: gzip and zstd, recognised by their first bytes, read to their end.
import { createGunzip, createGzip } from "node:zlib";
import type { ByteStream } from "../base/async.js";
import { fieldInvalid } from "../base/errors.js";
import { archiveCutOff, archiveInvalid } from "./archive-invalid.js";
import { openBytePuller, type BytePuller } from "./byte-puller.js";
import { throughCodec } from "./codec-streams.js";
import { limitExceeded } from "./limits.js";
import { isZero } from "../holes/zero.js";
import { bytesAfterEnd, createZstdFrameSplitter, isZstdMagic } from "./zstd-frames.js";
import { loadZstd } from "./zstd.js";
import { openZstdWindow } from "./zstd-windows.js";

export { zstdAvailable } from "./zstd.js";

export type Compression = "none" | "gzip" | "zstd";

export interface CompressOptions {
  /** gzip 1 to 9, zstd 1 to 19; default 1, the fastest. */
  readonly level?: number;
  readonly signal?: AbortSignal;
}

export interface DecompressOptions {
  readonly signal?: AbortSignal;
  /**
   * How many times larger than it came a stream may unfold. Left out are chunks of zeros, which
   * become holes and of which an honest disk may have any number, and the first 64 MiB.
   */
  readonly maxRatio?: number;
}

/** So much unfolds without a look at the ratio. */
const freeOfRatioBytes = 64 * 1024 * 1024;

/** gzip with 256 KiB is a sixth faster than with Node's 16 KiB. */
const gzipChunkBytes = 256 * 1024;
const maxLevel = { gzip: 9, zstd: 19 } as const;
const magicBytes = 4;

/**
 * The bytes compressed as a whole. Throws FIELD_INVALID for a level out of range, NOT_IMPLEMENTED
 * for zstd where this Node has none.
 */
export async function* compress(
  source: ByteStream,
  compression: Compression,
  options: CompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression === "none") {
    yield* source;
    return;
  }
  const { level = 1, signal } = options;
  if (!Number.isInteger(level) || level < 1 || level > maxLevel[compression]) {
    throw fieldInvalid("level", `1 to ${maxLevel[compression]} for ${compression}`, level);
  }
  const codec =
    compression === "gzip"
      ? createGzip({ level, chunkSize: gzipChunkBytes })
      : (await loadZstd()).compressor(level);
  // A compressor has no input that it refuses: what it throws is a defect.
  yield* throughCodec(source, codec, { signal, codecError: (error) => error as Error });
}

/**
 * The bytes of an archive, decompressed if they are compressed. When it ends without an error, the
 * whole stream was read, its checksums agreed, and nothing came after it; else ARCHIVE_INVALID.
 */
export async function* decompress(
  source: ByteStream,
  options: DecompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, maxRatio = Number.POSITIVE_INFINITY } = options;
  const puller = openBytePuller(source, signal);
  try {
    const head = await readHead(puller);
    const came = { bytes: 0 };
    const whole = counted(prepend(head, puller), came);
    if (isGzipMagic(head)) yield* boundRatio(gunzip(whole, signal), came, maxRatio);
    else if (isZstdMagic(head)) yield* boundRatio(unzstd(whole, signal), came, maxRatio);
    else yield* whole;
  } finally {
    await puller.close();
  }
}

async function* counted(source: ByteStream, came: { bytes: number }): ByteStream {
  for await (const chunk of source) {
    came.bytes += chunk.byteLength;
    yield chunk;
  }
}

async function* boundRatio(
  unfolded: ByteStream,
  came: { readonly bytes: number },
  maxRatio: number,
): ByteStream {
  let bytes = 0;
  for await (const chunk of unfolded) {
    if (!isZero(chunk)) bytes += chunk.byteLength;
    const ratio = Math.ceil(bytes / came.bytes);
    if (bytes > freeOfRatioBytes && ratio > maxRatio) {
      throw limitExceeded("maxRatio", "the archive unfolds", maxRatio, ratio);
    }
    yield chunk;
  }
}

/** The bytes as they are; ARCHIVE_INVALID if they are compressed, which is said before any other fault. */
export async function* uncompressedOnly(
  source: ByteStream,
): AsyncGenerator<Uint8Array, void, undefined> {
  let first = true;
  for await (const chunk of source) {
    if (first && (isGzipMagic(chunk) || isZstdMagic(chunk))) {
      const format = isGzipMagic(chunk) ? "gzip" : "zstd";
      throw archiveInvalid(`expected a plain tar, found one that is compressed with ${format}`, {
        hint: "Decompress it on the way; Import takes compressed archives",
      });
    }
    first = false;
    yield chunk;
  }
}

function isGzipMagic(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** The first chunk, or enough of the first ones to know the format. */
async function readHead(puller: BytePuller): Promise<Uint8Array> {
  let head = (await puller.next()) ?? new Uint8Array(0);
  while (head.byteLength < magicBytes) {
    // Copied before the next pull, which ends the life of what came before.
    const copy = Buffer.from(head);
    const next = await puller.next();
    if (next === undefined) return copy;
    head = Buffer.concat([copy, next]);
  }
  return head;
}

async function* prepend(head: Uint8Array, puller: BytePuller): AsyncGenerator<Uint8Array> {
  let chunk: Uint8Array | undefined = head;
  for (; chunk !== undefined; chunk = await puller.next()) yield chunk;
}

function gunzip(source: ByteStream, signal: AbortSignal | undefined): ByteStream {
  const codec = createGunzip({ chunkSize: gzipChunkBytes });
  return throughCodec(source, codec, {
    signal,
    codecError: (error) => damaged("gzip", error, codec.bytesWritten),
    // Further members are decoded as part of the stream (RFC 1952), but zlib ends silently at
    // anything that begins with a zero byte.
    checkOutput: ({ bytes, sourceEnded }) => {
      if (sourceEnded && codec.bytesWritten === bytes) return;
      throw bytesAfterEnd("gzip", codec.bytesWritten);
    },
  });
}

async function* unzstd(
  source: ByteStream,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const codec = (await loadZstd()).decompressor();
  using window = openZstdWindow();
  const frames = createZstdFrameSplitter((bytes) => window.grow(bytes));
  yield* throughCodec(source, codec, {
    signal,
    codecError: (error) => damaged("zstd", error),
    split: (chunk) => frames.split(chunk),
    checkInput: () => {
      frames.end();
    },
  });
}

function damaged(format: string, error: unknown, offset?: number): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "Z_BUF_ERROR" && offset !== undefined) {
    return archiveCutOff(offset, `the rest of the ${format} stream`);
  }
  return archiveInvalid(`the ${format} stream of the archive is damaged: ${message}`, {
    hint: "Transfer the archive again; if that does not help, export it again",
    cause: error,
  });
}
