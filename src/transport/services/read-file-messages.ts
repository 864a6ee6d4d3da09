// Converts the messages of ReadFile.
import { crc32 } from "../../wire/crc32.js";
import type { Extent } from "../../model/extent.js";
import type { OwnedChunk } from "../../wire/chunk.js";
import type { FileReading, ReadFileRequest } from "../../store/read/read-file.js";
import type { ReadFileRequest as ReadFileMessage } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { fileToMessage, sizeFromWire } from "./convert.js";

export function readFileRequestFromMessage(message: ReadFileMessage): ReadFileRequest {
  const { ref, digest, file, force, skipVerify } = message;
  const ranges = message.ranges.map(({ offset, length }, index) => ({
    offset: sizeFromWire(offset, `ranges[${index}].offset`),
    length: sizeFromWire(length, `ranges[${index}].length`),
  }));
  return { ref, digest, file, force, verify: !skipVerify, ranges };
}

/** Maximum number of holes in one frame. */
const maxHoles = 1024;

/** Yields all frames of the answer. */
export async function* readFileFrames(reading: FileReading, chunkBytes: number) {
  const { snapshotId, file, dataBytes } = reading;
  const header = { snapshotId, file: fileToMessage(file), dataBytes: BigInt(dataBytes) };
  yield { frame: { case: "header" as const, value: header } };
  for (const holes of inBatches(reading.holes(), maxHoles)) {
    yield { frame: { case: "holes" as const, value: { holes: holes.map(rangeToMessage) } } };
  }
  let totalBytes = 0;
  let checksum = 0;
  for await (const { offset, chunk } of reading.pieces()) {
    for (const [start, part] of partsOf(chunk, chunkBytes)) {
      totalBytes += part.length;
      checksum = crc32(part.bytes, checksum);
      const frame = { case: "chunk" as const, value: part };
      yield { frame, offset: BigInt(offset + start) };
    }
  }
  const trailer = { totalBytes: BigInt(totalBytes), crc32: checksum };
  yield { frame: { case: "trailer" as const, value: trailer } };
}

function rangeToMessage({ offset, length }: Extent) {
  return { offset: BigInt(offset), length: BigInt(length) };
}

function* inBatches<T>(items: Iterable<T>, size: number): Generator<T[], void, undefined> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function* partsOf(
  chunk: OwnedChunk,
  partBytes: number,
): Generator<[start: number, part: OwnedChunk], void, undefined> {
  const { length } = chunk;
  for (let start = 0; start < length; start += partBytes) {
    yield [start, chunk.part(start, Math.min(start + partBytes, length))];
  }
}
