// Compresses and decompresses whole archives. This detects gzip and zstd by their first bytes and
// reads streams to their end.
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
  /** From 1 to 9 for gzip, and from 1 to 19 for zstd. Default: 1, the fastest. */
  readonly level?: number;
  readonly signal?: AbortSignal;
}

export interface DecompressOptions {
  readonly signal?: AbortSignal;
  /**
   * Maximum ratio of decompressed to compressed bytes. The ratio ignores the first 64 MiB. It also
   * ignores chunks of zeros: they become holes, and a valid disk may have any number of them.
   */
  readonly maxRatio?: number;
}

/** The ratio is not checked below this many decompressed bytes. */
const freeOfRatioBytes = 64 * 1024 * 1024;

/** gzip with chunks of 256 KiB is a sixth faster than with Node's 16 KiB. */
const gzipChunkBytes = 256 * 1024;
const maxLevel = { gzip: 9, zstd: 19 } as const;
const magicBytes = 4;

/**
 * Compresses all bytes as one stream. Throws FIELD_INVALID if the level is out of range, and
 * NOT_IMPLEMENTED for zstd if this Node has no zstd.
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
  // A compressor accepts any input, so an error from it is a bug.
  yield* throughCodec(source, codec, { signal, codecError: (error) => error as Error });
}

/**
 * Returns the bytes of an archive, decompressed if necessary. If the iteration over a compressed
 * archive ends without an error, the stream was complete, its checksums matched, and nothing
 * followed it. Otherwise the iteration throws ARCHIVE_INVALID. It throws LIMIT_EXCEEDED if the
 * ratio is too high, TOO_MANY_STREAMS if the windows of zstd take too much memory, and
 * NOT_IMPLEMENTED for zstd if this Node has no zstd.
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
      throw limitExceeded("maxRatio", "the decompression ratio of the archive", maxRatio, ratio);
    }
    yield chunk;
  }
}

/**
 * Returns the bytes unchanged. Throws ARCHIVE_INVALID if they are compressed, so that a
 * compressed archive is not reported as a malformed tar.
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

/** Joins chunks from the start of the stream until they suffice to recognize the format. */
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
    // RFC 1952 makes further members part of the stream. However, zlib stops silently at any data
    // that begins with a zero byte.
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
