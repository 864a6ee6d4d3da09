// Exports the client library: `import { connect } from "stasis"`.
export { connect, type ConnectOptions } from "./connect.js";
export type {
  Client,
  CreateHeaderInit,
  DeltaHeaderInit,
  ExportInit,
  GcCalls,
  ImportHeaderInit,
  OpenDataDirectoryInit,
  RefOr,
  RemoteCalls,
  ReplicationCalls,
  RestoreInit,
  SnapshotCalls,
  SnapshotFilterInit,
  SystemCalls,
} from "./client.js";
export { parseAddress, type Address } from "./address.js";
export { addressEnv } from "./default-address.js";
export type { TlsOptions } from "./channel-access.js";
export type { CallOptions } from "./channel.js";
export type { UploadOptions } from "./upload.js";
export { openCompared } from "./download.js";
export type { Download, DownloadOptions } from "./download.js";
export { openVerifiedReader } from "./read-file.js";
export type { FilePart, FileReader } from "./read-file.js";
export type { OwnedChunk, OwnedStream } from "../wire/chunk.js";
export type { DataDirectoryLease } from "./lease.js";
export type { ProgressListener, TransferProgress } from "./progress.js";
export {
  createDeltaFromLocalDirectory,
  createFromLocalDirectory,
  exportToLocalDirectory,
  importLocalDirectory,
  restoreToLocalDirectory,
  type DirectoryOptions,
  type ExportDirectoryOptions,
  type ImportDirectoryOptions,
  type WriteDirectoryOptions,
} from "./directories.js";
export { measureLocalDirectory, totalSpace, type Space, type TotalSpace } from "./local-space.js";
export {
  StoreError,
  isStoreError,
  type ErrorCode,
  type ErrorReason,
  type FieldViolation,
  type ResourceRef,
} from "../base/errors.js";
export { readLocalFile } from "./local-file.js";
export type { ByteStream } from "../base/async.js";
export { prepareForBulk } from "../holes/bulk-memory.js";

// This is generated code: the messages, enums and service descriptors of the calls.
export * from "../../gen/ts/stasis/v1/errors_pb.js";
export * from "../../gen/ts/stasis/v1/gc_service_pb.js";
export * from "../../gen/ts/stasis/v1/remote_service_pb.js";
export * from "../../gen/ts/stasis/v1/replication_service_pb.js";
export * from "../../gen/ts/stasis/v1/resources_pb.js";
export * from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
export * from "../../gen/ts/stasis/v1/system_service_pb.js";
