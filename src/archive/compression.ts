// Compression of whole archives: gzip and zstd, recognised by their first bytes, read to their end.
import { createGunzip, createGzip } from "node:zlib";
import { OwnedChunk, type OwnedStream } from "../wire/chunk.js";
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
  source: OwnedStream,
  compression: Compression,
  options: CompressOptions = {},
): AsyncGenerator<OwnedChunk, void, undefined> {
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
  source: OwnedStream,
  options: DecompressOptions = {},
): AsyncGenerator<OwnedChunk, void, undefined> {
  const { signal, maxRatio = Number.POSITIVE_INFINITY } = options;
  const puller = openBytePuller(source, signal);
  try {
    const head = await readHead(puller);
    const came = { bytes: 0 };
    const whole = counted(prepend(head, puller), came);
    if (isGzipMagic(head.bytes)) yield* boundRatio(gunzip(whole, signal), came, maxRatio);
    else if (isZstdMagic(head.bytes)) yield* boundRatio(unzstd(whole, signal), came, maxRatio);
    else yield* whole;
  } finally {
    await puller.close();
  }
}

async function* counted(source: OwnedStream, came: { bytes: number }): OwnedStream {
  for await (const chunk of source) {
    came.bytes += chunk.length;
    yield chunk;
  }
}

async function* boundRatio(
  unfolded: OwnedStream,
  came: { readonly bytes: number },
  maxRatio: number,
): OwnedStream {
  let bytes = 0;
  for await (const chunk of unfolded) {
    if (!isZero(chunk.bytes)) bytes += chunk.length;
    const ratio = Math.ceil(bytes / came.bytes);
    if (bytes > freeOfRatioBytes && ratio > maxRatio) {
      throw limitExceeded("maxRatio", "the archive unfolds", maxRatio, ratio);
    }
    yield chunk;
  }
}

/**
 * The bytes as they are; ARCHIVE_INVALID if they are compressed, which is said before any other
 * fault.
 */
export async function* uncompressedOnly(
  source: OwnedStream,
): AsyncGenerator<OwnedChunk, void, undefined> {
  let first = true;
  for await (const chunk of source) {
    const { bytes } = chunk;
    if (first && (isGzipMagic(bytes) || isZstdMagic(bytes))) {
      const format = isGzipMagic(bytes) ? "gzip" : "zstd";
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

/** The first chunk, joined with those behind it until the format can be told. */
async function readHead(puller: BytePuller): Promise<OwnedChunk> {
  let head = (await puller.next()) ?? OwnedChunk.constant(new Uint8Array(0));
  while (head.length < magicBytes) {
    const next = await puller.next();
    if (next === undefined) return head;
    head = OwnedChunk.handOver(Buffer.concat([head.bytes, next.bytes]));
  }
  return head;
}

async function* prepend(head: OwnedChunk, puller: BytePuller): OwnedStream {
  let chunk: OwnedChunk | undefined = head;
  for (; chunk !== undefined; chunk = await puller.next()) yield chunk;
}

function gunzip(source: OwnedStream, signal: AbortSignal | undefined): OwnedStream {
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
  source: OwnedStream,
  signal: AbortSignal | undefined,
): AsyncGenerator<OwnedChunk, void, undefined> {
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
