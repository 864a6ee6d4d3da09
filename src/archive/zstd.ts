// Provides zstd: the built-in one of Node 22.15 and later, or the optional package zstd-napi.
import type { Duplex } from "node:stream";
import * as zlib from "node:zlib";
import { StoreError } from "../base/errors.js";

interface ZstdCodec {
  compressor(level: number): Duplex;
  decompressor(): Duplex;
}

/** The parts of node:zlib that we use and that the types of Node 20 lack. */
interface BuiltInZstd {
  createZstdCompress?(options: { chunkSize: number; params: Record<number, number> }): Duplex;
  createZstdDecompress?(options: { chunkSize: number }): Duplex;
}

/** Values of ZSTD_cParameter in zstd.h. */
const compressionLevelParameter = 100;
const checksumFlagParameter = 201;
const chunkSize = 256 * 1024;

/** Returns whether zstd is available in this Node. */
export async function zstdAvailable(): Promise<boolean> {
  try {
    await loadZstd();
    return true;
  } catch {
    return false;
  }
}

/** Loads zstd. Throws NOT_IMPLEMENTED if this Node has no zstd. */
export async function loadZstd(): Promise<ZstdCodec> {
  return builtInZstd() ?? (await zstdNapi());
}

function builtInZstd(): ZstdCodec | undefined {
  const { createZstdCompress, createZstdDecompress } = zlib as BuiltInZstd;
  if (createZstdCompress === undefined || createZstdDecompress === undefined) return undefined;
  return {
    compressor: (level) =>
      createZstdCompress({
        chunkSize,
        params: { [compressionLevelParameter]: level, [checksumFlagParameter]: 1 },
      }),
    decompressor: () => createZstdDecompress({ chunkSize }),
  };
}

async function zstdNapi(): Promise<ZstdCodec> {
  try {
    const { CompressStream, DecompressStream } = await import("zstd-napi");
    return {
      compressor: (level) => new CompressStream({ compressionLevel: level, checksumFlag: true }),
      decompressor: () => new DecompressStream(),
    };
  } catch (cause) {
    throw new StoreError("NOT_IMPLEMENTED", `zstd is not available in Node ${process.version}`, {
      hint: "Use Node 22.15 or newer, or build the optional package zstd-napi with `npm run setup`; gzip works everywhere",
      cause,
    });
  }
}
