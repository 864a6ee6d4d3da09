// The client's interface: the calls that a program can make to a daemon. `connect` in connect.ts
// makes a client.
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { ByteStream } from "../base/async.js";
import type {
  HealthCheckRequestSchema,
  HealthCheckResponse,
  HealthListResponse,
} from "../../gen/ts/grpc/health/v1/health_pb.js";
import type * as gc from "../../gen/ts/stasis/v1/gc_service_pb.js";
import type * as remotes from "../../gen/ts/stasis/v1/remote_service_pb.js";
import type * as replication from "../../gen/ts/stasis/v1/replication_service_pb.js";
import type { Snapshot } from "../../gen/ts/stasis/v1/resources_pb.js";
import type * as snapshots from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import type * as system from "../../gen/ts/stasis/v1/system_service_pb.js";
import type { Address } from "./address.js";
import type { CallOptions } from "./channel.js";
import type { Download, DownloadOptions } from "./download.js";
import type { DataDirectoryLease } from "./lease.js";
import type { FileReader } from "./read-file.js";
import type { UploadOptions } from "./upload.js";

type Init<Schema extends DescMessage> = MessageInitShape<Schema>;

/**
 * The argument of a call for one snapshot: its ref alone (id, name or unique id prefix), or the
 * request.
 */
export type RefOr<Request> = string | Request;

export type RestoreInit = Init<typeof snapshots.RestoreRequestSchema>;
export type ExportInit = Init<typeof snapshots.ExportRequestSchema>;
export type CreateHeaderInit = Init<typeof snapshots.CreateHeaderSchema>;
export type ImportHeaderInit = Init<typeof snapshots.ImportHeaderSchema>;
export type SnapshotFilterInit = Init<typeof snapshots.SnapshotFilterSchema>;
export type OpenDataDirectoryInit = Init<typeof snapshots.OpenDataDirectoryRequestSchema>;

/** Stores, finds and streams snapshots. Each method is the RPC of the same name. */
export interface SnapshotCalls {
  /**
   * Stores `bytes`, a tar of data files without `snapshot.json`. Resolves when the snapshot is
   * durable. Reads `bytes` as fast as the daemon accepts it, and copies each chunk before it
   * requests the next one. If `bytes` throws, nothing is stored.
   */
  create(
    header: CreateHeaderInit,
    bytes: ByteStream,
    options?: UploadOptions,
  ): Promise<snapshots.CreateResponse>;
  /** Moves a directory of the daemon's node into the store by renaming it. */
  createFromDirectory(
    request: Init<typeof snapshots.CreateFromDirectoryRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.CreateFromDirectoryResponse>;
  /** One page, newest first. */
  list(
    request?: Init<typeof snapshots.ListRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.ListResponse>;
  /** All pages, newest first. `timeoutMs` applies to each page. */
  listAll(filter?: SnapshotFilterInit, options?: CallOptions): AsyncIterable<Snapshot>;
  inspect(
    request: RefOr<Init<typeof snapshots.InspectRequestSchema>>,
    options?: CallOptions,
  ): Promise<snapshots.InspectResponse>;
  update(
    request: Init<typeof snapshots.UpdateRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.UpdateResponse>;
  delete(
    request: RefOr<Init<typeof snapshots.DeleteRequestSchema>>,
    options?: CallOptions,
  ): Promise<snapshots.DeleteResponse>;
  /** Resolves with the header; `bytes` is then a tar without `snapshot.json`. */
  restore(request: RefOr<RestoreInit>, options?: DownloadOptions): Promise<Download>;
  /** Resolves with the header; `bytes` is then an archive that `import` accepts. */
  export(request: RefOr<ExportInit>, options?: DownloadOptions): Promise<Download>;
  /**
   * Resolves with the header; `parts` are then the holes and the data of the ranges. Compared with
   * the digests, unless `skipVerify` is set.
   */
  readFile(
    request: Init<typeof snapshots.ReadFileRequestSchema>,
    options?: CallOptions,
  ): Promise<FileReader>;
  exportToDirectory(
    request: Init<typeof snapshots.ExportToDirectoryRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.ExportToDirectoryResponse>;
  /** Makes a writable working copy of the data files on the daemon's node. */
  cloneToDirectory(
    request: Init<typeof snapshots.CloneToDirectoryRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.CloneToDirectoryResponse>;
  /**
   * Moves the data files of a snapshot to a directory on the daemon's node, which takes the
   * snapshot's place. The snapshot is deleted.
   */
  takeToDirectory(
    request: Init<typeof snapshots.TakeToDirectoryRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.TakeToDirectoryResponse>;
  /** Stores an archive (tar, gzip or zstd) under a new id. Otherwise as `create`. */
  import(
    header: ImportHeaderInit,
    bytes: ByteStream,
    options?: UploadOptions,
  ): Promise<snapshots.ImportResponse>;
  importFromDirectory(
    request: Init<typeof snapshots.ImportFromDirectoryRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.ImportFromDirectoryResponse>;
  /**
   * Holds a read lease on the data directory until the result is disposed, `signal` fires or the
   * daemon ends it. `timeoutMs` limits the wait for the path, not the lease.
   */
  openDataDirectory(
    request: RefOr<OpenDataDirectoryInit>,
    options?: CallOptions,
  ): Promise<DataDirectoryLease>;
  verify(
    request?: RefOr<Init<typeof snapshots.VerifyRequestSchema>>,
    options?: CallOptions,
  ): AsyncIterable<snapshots.VerifyResponse>;
  /**
   * Streams changes of snapshots, in order, until `signal` fires, the caller leaves the loop or the
   * daemon stops (DRAINING). The `resumeToken` of any message resumes after it. A message of type
   * MISSED means that events are gone and that the caller must list again.
   */
  watch(
    request?: Init<typeof snapshots.WatchRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<snapshots.WatchResponse>;
}

/** Collects garbage. Each method is the RPC of the same name. */
export interface GcCalls {
  collectGarbage(
    request?: Init<typeof gc.CollectGarbageRequestSchema>,
    options?: CallOptions,
  ): Promise<gc.CollectGarbageResponse>;
  beginGc(
    request: Init<typeof gc.BeginGcRequestSchema>,
    options?: CallOptions,
  ): Promise<gc.BeginGcResponse>;
  listGcReferences(
    request: Init<typeof gc.ListGcReferencesRequestSchema>,
    options?: CallOptions,
  ): Promise<gc.ListGcReferencesResponse>;
  listGcCandidates(
    request: Init<typeof gc.ListGcCandidatesRequestSchema>,
    options?: CallOptions,
  ): Promise<gc.ListGcCandidatesResponse>;
  collectGc(
    request: Init<typeof gc.CollectGcRequestSchema>,
    options?: CallOptions,
  ): Promise<gc.CollectGcResponse>;
  renewGc(
    request: Init<typeof gc.RenewGcRequestSchema>,
    options?: CallOptions,
  ): Promise<gc.RenewGcResponse>;
  endGc(
    request: Init<typeof gc.EndGcRequestSchema>,
    options?: CallOptions,
  ): Promise<gc.EndGcResponse>;
}

/** Moves snapshots between nodes. Each method is the RPC of the same name. */
export interface ReplicationCalls {
  pull(
    request: Init<typeof replication.PullRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<replication.PullResponse>;
  push(
    request: Init<typeof replication.PushRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<replication.PushResponse>;
  listTransfers(options?: CallOptions): Promise<replication.ListTransfersResponse>;
  cancelTransfer(
    request: Init<typeof replication.CancelTransferRequestSchema>,
    options?: CallOptions,
  ): Promise<replication.CancelTransferResponse>;
  getManifest(
    request: RefOr<Init<typeof replication.GetManifestRequestSchema>>,
    options?: CallOptions,
  ): AsyncIterable<replication.GetManifestResponse>;
  readBlocks(
    request: Init<typeof replication.ReadBlocksRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<replication.ReadBlocksResponse>;
}

/** Buckets of object stores. */
export interface RemoteCalls {
  listRemotes(options?: CallOptions): Promise<remotes.ListRemotesResponse>;
  /** One response per step; the verdict comes last. `timeoutMs` applies to the whole check. */
  checkRemote(
    request: Init<typeof remotes.CheckRemoteRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<remotes.CheckRemoteResponse>;
}

/** Describes the daemon and its store. */
export interface SystemCalls {
  getInfo(options?: CallOptions): Promise<system.GetInfoResponse>;
  /** The summary comes last. `timeoutMs` applies to the whole check. */
  check(
    request?: Init<typeof system.CheckRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<system.CheckResponse>;
  /** One response per finding. If the loop ends without an error, all findings were handled. */
  repair(
    request?: Init<typeof system.RepairRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<system.RepairResponse>;
  /** grpc.health.v1 Check. Without a service: for the daemon as a whole. */
  checkHealth(
    request?: Init<typeof HealthCheckRequestSchema>,
    options?: CallOptions,
  ): Promise<HealthCheckResponse>;
  /** grpc.health.v1 List: every service, and the daemon as a whole under the empty name. */
  listHealth(options?: CallOptions): Promise<HealthListResponse>;
}

/**
 * A client of one daemon. It has one connection for uploads and one for all other calls. It makes
 * each with its first call, and again after it was lost. Every method rejects with a StoreError.
 * Leaving the loop over a stream cancels its call.
 */
export interface Client
  extends SnapshotCalls, GcCalls, ReplicationCalls, RemoteCalls, SystemCalls, AsyncDisposable {
  readonly address: Address;
  /** Closes the connections when running calls are done, and refuses new calls. Idempotent. */
  close(): void;
}
