// Converts between generated messages and the model. Sizes are bigint on the wire, and become
// numbers once they are known to be exact integers.
import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { fieldInvalid } from "../../base/errors.js";
import { emptyConfig, type SnapshotConfig } from "../../model/config.js";
import { extraText, knownFacts } from "../../model/host-facts.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import type { FileHashes } from "../../store/read/block-hashes.js";
import type { DownloadStream } from "../../store/read/read.js";
import type { StoreRequest } from "../../store/snapshot-store.js";
import type { VerifyEvent } from "../../store/heal/verify.js";
import {
  BlockHash,
  type SnapshotConfig as ConfigMessage,
  type SnapshotConfigSchema,
  type SnapshotSchema,
} from "../../../gen/ts/stasis/v1/resources_pb.js";
import {
  Compression as CompressionMessage,
  DownloadWarningKind,
  OnNameConflict,
  SparseFormat as SparseFormatMessage,
  type DownloadWarningSchema,
  type VerifyResponseSchema,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";

/**
 * Converts a size from the wire to a number. Throws FIELD_INVALID if the size is negative, or too
 * large for an exact number.
 */
export function sizeFromWire(value: bigint, field: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw fieldInvalid(field, "0 to 9007199254740991 bytes", value);
  }
  return Number(value);
}

export function configFromMessage(
  message: ConfigMessage | undefined,
  field: string,
): SnapshotConfig {
  if (message === undefined) return emptyConfig();
  if (message.id !== "") {
    throw fieldInvalid(`${field}.id`, "an empty string: the daemon gives the id", message.id);
  }
  const extra = extraText(message.extra, `${field}.extra`);
  const host = knownFacts(message.host);
  return {
    ...emptyConfig(),
    ...(extra !== undefined && { extra }),
    ...(host && { host }),
    name: message.name,
    description: message.description,
    image: message.image,
    imageDigest: message.imageDigest,
    imageType: message.imageType,
    imageBlobIds: message.imageBlobIds,
    hypervisor: message.hypervisor,
    cpu: message.cpu,
    memoryBytes: sizeFromWire(message.memory, `${field}.memory`),
    storageBytes: sizeFromWire(message.storage, `${field}.storage`),
    nics: message.nics,
    queueSize: message.queueSize,
    diskQueueSize: message.diskQueueSize,
    network: message.network,
    noDirectIo: message.noDirectIo,
    windows: message.windows,
    labels: message.labels,
  };
}

export function configToMessage(config: SnapshotConfig) {
  return {
    id: config.id,
    name: config.name,
    description: config.description,
    image: config.image,
    imageDigest: config.imageDigest,
    imageType: config.imageType,
    imageBlobIds: [...config.imageBlobIds],
    hypervisor: config.hypervisor,
    cpu: config.cpu,
    memory: BigInt(config.memoryBytes),
    storage: BigInt(config.storageBytes),
    nics: config.nics,
    queueSize: config.queueSize,
    diskQueueSize: config.diskQueueSize,
    network: config.network,
    noDirectIo: config.noDirectIo,
    windows: config.windows,
    labels: { ...config.labels },
    ...(config.extra !== undefined && { extra: JSON.parse(config.extra) as JsonObject }),
    ...(config.host && { host: config.host }),
  } satisfies MessageInitShape<typeof SnapshotConfigSchema>;
}

export function snapshotToMessage(
  snapshot: Snapshot,
  dataDirectory: string,
  hashes: FileHashes = new Map(),
): MessageInitShape<typeof SnapshotSchema> {
  return {
    config: configToMessage(snapshot.config),
    createdAt: timestampFromDate(snapshot.createdAt),
    lastAccessedAt: timestampFromDate(snapshot.lastAccessedAt),
    sizeBytes: BigInt(snapshot.sizeBytes),
    allocatedBytes: BigInt(snapshot.allocatedBytes),
    chargedBytes: BigInt(snapshot.chargedBytes),
    dataDir: dataDirectory,
    digest: snapshot.digest,
    parentDigest: snapshot.parentDigest,
    protected: snapshot.protected,
    corrupt: snapshot.corrupt,
    ...(snapshot.expireTime && { expireTime: timestampFromDate(snapshot.expireTime) }),
    files: snapshot.files.map((file) => fileToMessage(file, hashes.get(file.name))),
  };
}

export function fileToMessage(file: SnapshotFile, hash?: ReturnType<FileHashes["get"]>) {
  return {
    name: file.name,
    sizeBytes: BigInt(file.sizeBytes),
    allocatedBytes: BigInt(file.allocatedBytes),
    mode: file.mode,
    digest: file.digest,
    blockHash: hashToMessage(hash),
  };
}

function hashToMessage(algorithm: ReturnType<FileHashes["get"]>): BlockHash {
  if (algorithm === undefined) return BlockHash.UNSPECIFIED;
  return algorithm === "blake3" ? BlockHash.BLAKE3 : BlockHash.SHA256;
}

export function verifyEventToMessage(
  event: VerifyEvent,
): MessageInitShape<typeof VerifyResponseSchema> {
  const { snapshotId } = event;
  if (event.kind === "progress") {
    const [doneBytes, totalBytes] = [BigInt(event.doneBytes), BigInt(event.totalBytes)];
    return { event: { case: "progress", value: { snapshotId, doneBytes, totalBytes } } };
  }
  const { file, intact, problem } = event;
  const damaged = event.damaged.map(({ offset, length }) => ({
    offset: BigInt(offset),
    length: BigInt(length),
  }));
  return { event: { case: "verdict", value: { snapshotId, file, intact, damaged, problem } } };
}

const warningKinds = {
  "reader-refuses": DownloadWarningKind.READER_REFUSES,
  "holes-filled": DownloadWarningKind.HOLES_FILLED,
} as const;

export function warningToMessage({
  kind,
  file,
  readers,
  message,
}: DownloadStream["warnings"][number]): MessageInitShape<typeof DownloadWarningSchema> {
  return { kind: warningKinds[kind], file, readers: [...readers], message };
}

export function dateFromWire(timestamp: Timestamp, field: string): Date {
  const date = timestampDate(timestamp);
  if (Number.isNaN(date.getTime())) throw fieldInvalid(field, "a time", String(timestamp.seconds));
  return date;
}

/**
 * Returns the time of a request, in whole milliseconds. If the field is unset, returns undefined:
 * the snapshot does not expire.
 */
export function expireTimeFromWire(time: Timestamp | undefined, field: string): Date | undefined {
  return time === undefined ? undefined : dateFromWire(time, field);
}

export function conflictFromWire(
  value: OnNameConflict,
  field: string,
): StoreRequest["onNameConflict"] {
  switch (value) {
    case OnNameConflict.UNSPECIFIED:
    case OnNameConflict.FAIL:
      return "fail";
    case OnNameConflict.REPLACE:
      return "replace";
    case OnNameConflict.TAKE_NAME:
      return "take-name";
    default:
      throw unknownEnum(field, "FAIL (1), REPLACE (2) or TAKE_NAME (3)", value);
  }
}

export function compressionFromWire(value: CompressionMessage): "none" | "gzip" | "zstd" {
  switch (value) {
    case CompressionMessage.UNSPECIFIED:
    case CompressionMessage.NONE:
      return "none";
    case CompressionMessage.GZIP:
      return "gzip";
    case CompressionMessage.ZSTD:
      return "zstd";
    default:
      throw unknownEnum("compression", "NONE (1), GZIP (2) or ZSTD (3)", value);
  }
}

export function sparseFormatFromWire(value: SparseFormatMessage): "cocoon" | "gnu" | "none" {
  switch (value) {
    case SparseFormatMessage.COCOON:
      return "cocoon";
    case SparseFormatMessage.UNSPECIFIED:
    case SparseFormatMessage.GNU:
      return "gnu";
    case SparseFormatMessage.NONE:
      return "none";
    default:
      throw unknownEnum("sparse_format", "COCOON (1), GNU (2) or NONE (3)", value);
  }
}

/**
 * Returns the error for an unknown enum value. proto3 enums are open: a newer client can send a
 * number that this daemon does not know.
 */
function unknownEnum(field: string, expected: string, value: number): Error {
  return fieldInvalid(field, expected, value);
}
