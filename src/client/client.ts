// Defines the client's interface: the calls that a program can make to a daemon. `connect` in
// connect.ts makes a client.
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
export type DeltaHeaderInit = Init<typeof snapshots.DeltaHeaderSchema>;
export type ImportHeaderInit = Init<typeof snapshots.ImportHeaderSchema>;
export type SnapshotFilterInit = Init<typeof snapshots.SnapshotFilterSchema>;
export type OpenDataDirectoryInit = Init<typeof snapshots.OpenDataDirectoryRequestSchema>;

/**
 * Calls that store, find and stream snapshots. Each method calls the RPC of the same name, except
 * `createDelta`, which calls Create with another header, and `listAll`, which calls List for each
 * page.
 */
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
  /**
   * Stores what has changed since the parent. `bytes` is a tar in which each file of `deltaFiles`
   * is a sparse entry. A hole means that the range is as in the parent. In all other respects this
   * works as `create` does.
   */
  createDelta(
    header: DeltaHeaderInit,
    bytes: ByteStream,
    options?: UploadOptions,
  ): Promise<snapshots.CreateResponse>;
  /**
   * Stores what has changed since the parent from a directory of the daemon's node, which is only
   * read. See `createDelta`.
   */
  createDeltaFromDirectory(
    request: Init<typeof snapshots.CreateDeltaFromDirectoryRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.CreateDeltaFromDirectoryResponse>;
  /** Moves a directory of the daemon's node into the store by renaming it. */
  createFromDirectory(
    request: Init<typeof snapshots.CreateFromDirectoryRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.CreateFromDirectoryResponse>;
  /** Returns one page of snapshots, newest first. */
  list(
    request?: Init<typeof snapshots.ListRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.ListResponse>;
  /** Yields the snapshots of all pages, newest first. `timeoutMs` applies to each page. */
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
  /**
   * Downloads a snapshot as a tar without `snapshot.json`. Resolves when the header has arrived;
   * `bytes` then yields the tar.
   */
  restore(request: RefOr<RestoreInit>, options?: DownloadOptions): Promise<Download>;
  /**
   * Downloads a snapshot as an archive that `import` accepts. Resolves when the header has arrived;
   * `bytes` then yields the archive.
   */
  export(request: RefOr<ExportInit>, options?: DownloadOptions): Promise<Download>;
  /**
   * Reads ranges of one file. Resolves when the header has arrived; `parts` then yields the holes
   * and the data of the ranges. The daemon compares the data with the digests, unless `skipVerify`
   * is set.
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
   * Moves the data files of a snapshot to a directory on the daemon's node. It copies files to
   * which clones have links. The snapshot no longer exists afterwards.
   */
  takeToDirectory(
    request: Init<typeof snapshots.TakeToDirectoryRequestSchema>,
    options?: CallOptions,
  ): Promise<snapshots.TakeToDirectoryResponse>;
  /**
   * Stores an archive with `snapshot.json` (tar, gzip or zstd) under a new id. In all other
   * respects this works as `create` does.
   */
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
   * Acquires a read lease on the data directory. The lease lasts until the result is disposed of,
   * `signal` aborts or the daemon ends it. `timeoutMs` limits the wait for the path, not the lease.
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
   * Streams changes of snapshots, in order, until `signal` aborts, the caller leaves the loop or
   * the daemon stops (DRAINING). The `resumeToken` of any message resumes after it. A message of
   * type MISSED means that events are gone and that the caller must list again.
   */
  watch(
    request?: Init<typeof snapshots.WatchRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<snapshots.WatchResponse>;
}

/** Calls that collect garbage. Each method calls the RPC of the same name. */
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

/**
 * Calls that copy snapshots between nodes, and between nodes and remotes. Each method calls the RPC
 * of the same name.
 */
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
  readTable(
    request: Init<typeof replication.ReadTableRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<replication.ReadTableResponse>;
  readBlocks(
    request: Init<typeof replication.ReadBlocksRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<replication.ReadBlocksResponse>;
}

/** Calls that list, check and maintain buckets of object stores. */
export interface RemoteCalls {
  listRemotes(options?: CallOptions): Promise<remotes.ListRemotesResponse>;
  /** Lists the snapshots at a remote. Returns one page. */
  listRemoteSnapshots(
    request: Init<typeof remotes.ListRemoteSnapshotsRequestSchema>,
    options?: CallOptions,
  ): Promise<remotes.ListRemoteSnapshotsResponse>;
  /**
   * Checks a remote and yields one response per step; the verdict comes last. `timeoutMs` applies
   * to the whole check.
   */
  checkRemote(
    request: Init<typeof remotes.CheckRemoteRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<remotes.CheckRemoteResponse>;
  deleteRemoteSnapshots(
    request: Init<typeof remotes.DeleteRemoteSnapshotsRequestSchema>,
    options?: CallOptions,
  ): Promise<remotes.DeleteRemoteSnapshotsResponse>;
  /** Collects garbage, and yields the progress; the result comes last. */
  collectRemoteGarbage(
    request: Init<typeof remotes.CollectRemoteGarbageRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<remotes.CollectRemoteGarbageResponse>;
  /** Verifies a remote, and yields progress and damage; the summary comes last. */
  verifyRemote(
    request: Init<typeof remotes.VerifyRemoteRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<remotes.VerifyRemoteResponse>;
}

/** Calls that describe, check and repair the daemon and its store. */
export interface SystemCalls {
  getInfo(options?: CallOptions): Promise<system.GetInfoResponse>;
  /**
   * Checks the store and yields the findings; the summary comes last. `timeoutMs` applies to the
   * whole check.
   */
  check(
    request?: Init<typeof system.CheckRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<system.CheckResponse>;
  /**
   * Repairs the store and yields one response per finding. If the loop ends without an error, all
   * findings were handled.
   */
  repair(
    request?: Init<typeof system.RepairRequestSchema>,
    options?: CallOptions,
  ): AsyncIterable<system.RepairResponse>;
  /** Calls Check of grpc.health.v1. Without a service, the answer is for the daemon as a whole. */
  checkHealth(
    request?: Init<typeof HealthCheckRequestSchema>,
    options?: CallOptions,
  ): Promise<HealthCheckResponse>;
  /**
   * Calls List of grpc.health.v1. The answer contains every service, and the daemon as a whole
   * under the empty name.
   */
  listHealth(options?: CallOptions): Promise<HealthListResponse>;
}

/**
 * A client of one daemon. It has one connection for uploads and one for all other calls. The client
 * makes each connection with the first call on it, and again after the connection was lost. A call
 * that fails rejects with a StoreError, but an upload whose source throws rejects with the source's
 * error. Leaving the loop over a stream cancels its call.
 */
export interface Client
  extends SnapshotCalls, GcCalls, ReplicationCalls, RemoteCalls, SystemCalls, AsyncDisposable {
  readonly address: Address;
  /**
   * Refuses new calls at once, and closes the connections when the running calls have ended.
   * Closing again has no effect.
   */
  close(): void;
}
