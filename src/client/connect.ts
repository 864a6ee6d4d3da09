// Makes a client, and maps each of its methods to an RPC.
import { create } from "@bufbuild/protobuf";
import { Health } from "../../gen/ts/grpc/health/v1/health_pb.js";
import { GcService } from "../../gen/ts/stasis/v1/gc_service_pb.js";
import { RemoteService } from "../../gen/ts/stasis/v1/remote_service_pb.js";
import { ReplicationService } from "../../gen/ts/stasis/v1/replication_service_pb.js";
import type { Snapshot } from "../../gen/ts/stasis/v1/resources_pb.js";
import {
  CreateRequestSchema,
  ImportRequestSchema,
  SnapshotService,
} from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { SystemService } from "../../gen/ts/stasis/v1/system_service_pb.js";
import { parseAddress } from "./address.js";
import { encode, openChannel, type CallOptions, type Channel } from "./channel.js";
import { channelAccess, type TlsOptions } from "./channel-access.js";
import type {
  Client,
  GcCalls,
  RemoteCalls,
  ReplicationCalls,
  SnapshotCalls,
  SnapshotFilterInit,
  SystemCalls,
} from "./client.js";
import { defaultAddress } from "./default-address.js";
import { openDownload } from "./download.js";
import { openLease } from "./lease.js";
import { openFileReader } from "./read-file.js";
import { upload } from "./upload.js";

export interface ConnectOptions {
  /**
   * HTTP/2 flow-control window in bytes: the data that may be in flight to this client before it
   * reads. Default: 4 MiB.
   */
  readonly flowWindowBytes?: number;
  /** Largest message that is accepted or sent, in bytes. Default: 4 MiB. */
  readonly maxMessageBytes?: number;
  /**
   * The settings of TLS. `true` uses the certificate authorities that Node trusts. Default: plain
   * text.
   */
  readonly tls?: TlsOptions | true;
  /**
   * A bearer token, or a function that returns it and is called for each call. Without `tls`, a
   * token for an address that is not on this machine is FIELD_INVALID.
   */
  readonly token?: string | (() => string);
}

const defaultFlowWindowBytes = 4 * 1024 * 1024;
const defaultMaxMessageBytes = 4 * 1024 * 1024;

/**
 * Returns a client of the daemon at `address`: `HOST:PORT` or `unix:PATH`. Without an address it
 * uses STASIS_ADDR. Without STASIS_ADDR it tries the sockets of this user's own daemon, of the
 * system service and of root's daemon. It uses the first socket that accepts a connection. The
 * client connects with its first call. Throws FIELD_INVALID if the address or an option is invalid.
 */
export function connect(address?: string, options: ConnectOptions = {}): Client {
  const parsed = address === undefined ? defaultAddress(process.env) : parseAddress(address);
  const channel = openChannel(parsed, {
    flowWindowBytes: options.flowWindowBytes ?? defaultFlowWindowBytes,
    maxMessageBytes: options.maxMessageBytes ?? defaultMaxMessageBytes,
    credentials: channelAccess(parsed, options),
  });
  return {
    address: parsed,
    ...snapshotCalls(channel),
    ...gcCalls(channel),
    ...replicationCalls(channel),
    ...remoteCalls(channel),
    ...systemCalls(channel),
    close: () => channel.close(),
    [Symbol.asyncDispose]: () => {
      channel.close();
      return Promise.resolve();
    },
  };
}

function snapshotCalls(channel: Channel): SnapshotCalls {
  const rpc = SnapshotService.method;
  return {
    create: (header, bytes, options = {}) => {
      const frame = create(CreateRequestSchema, { frame: { case: "header", value: header } });
      return upload(channel, rpc.create, encode(CreateRequestSchema, frame), bytes, options);
    },
    createDelta: (header, bytes, options = {}) => {
      const frame = create(CreateRequestSchema, { frame: { case: "deltaHeader", value: header } });
      return upload(channel, rpc.create, encode(CreateRequestSchema, frame), bytes, options);
    },
    createDeltaFromDirectory: (request, options) =>
      channel.unary(rpc.createDeltaFromDirectory, request, options),
    createFromDirectory: (request, options) =>
      channel.unary(rpc.createFromDirectory, request, options),
    list: (request = {}, options) => channel.unary(rpc.list, request, options),
    listAll: (filter, options) => listAll(channel, filter, options),
    inspect: (request, options) => channel.unary(rpc.inspect, withRef(request), options),
    update: (request, options) => channel.unary(rpc.update, request, options),
    delete: (request, options) =>
      channel.unary(
        rpc.delete,
        typeof request === "string" ? { refs: [request] } : request,
        options,
      ),
    restore: (request, options) => {
      const asked = withRef(request);
      return openDownload(asked, (call) => channel.serverStream(rpc.restore, asked, call), options);
    },
    export: (request, options) => {
      const asked = withRef(request);
      return openDownload(asked, (call) => channel.serverStream(rpc.export, asked, call), options);
    },
    readFile: (request, options) =>
      openFileReader((call) => channel.serverStream(rpc.readFile, request, call), options),
    exportToDirectory: (request, options) => channel.unary(rpc.exportToDirectory, request, options),
    cloneToDirectory: (request, options) => channel.unary(rpc.cloneToDirectory, request, options),
    takeToDirectory: (request, options) => channel.unary(rpc.takeToDirectory, request, options),
    import: (header, bytes, options = {}) => {
      const frame = create(ImportRequestSchema, { frame: { case: "header", value: header } });
      return upload(channel, rpc.import, encode(ImportRequestSchema, frame), bytes, options);
    },
    importFromDirectory: (request, options) =>
      channel.unary(rpc.importFromDirectory, request, options),
    openDataDirectory: (request, options) =>
      openLease(
        (signal) => channel.serverStream(rpc.openDataDirectory, withRef(request), { signal }),
        options,
      ),
    verify: (request = {}, options) => channel.serverStream(rpc.verify, withRef(request), options),
    watch: (request = {}, options) => channel.serverStream(rpc.watch, request, options),
  };
}

function gcCalls(channel: Channel): GcCalls {
  const rpc = GcService.method;
  return {
    collectGarbage: (request = {}, options) => channel.unary(rpc.collectGarbage, request, options),
    beginGc: (request, options) => channel.unary(rpc.beginGc, request, options),
    listGcReferences: (request, options) => channel.unary(rpc.listGcReferences, request, options),
    listGcCandidates: (request, options) => channel.unary(rpc.listGcCandidates, request, options),
    collectGc: (request, options) => channel.unary(rpc.collectGc, request, options),
    renewGc: (request, options) => channel.unary(rpc.renewGc, request, options),
    endGc: (request, options) => channel.unary(rpc.endGc, request, options),
  };
}

function replicationCalls(channel: Channel): ReplicationCalls {
  const rpc = ReplicationService.method;
  return {
    pull: (request, options) => channel.serverStream(rpc.pull, request, options),
    push: (request, options) => channel.serverStream(rpc.push, request, options),
    listTransfers: (options) => channel.unary(rpc.listTransfers, {}, options),
    cancelTransfer: (request, options) => channel.unary(rpc.cancelTransfer, request, options),
    getManifest: (request, options) =>
      channel.serverStream(rpc.getManifest, withRef(request), options),
    readTable: (request, options) => channel.serverStream(rpc.readTable, request, options),
    readBlocks: (request, options) => channel.serverStream(rpc.readBlocks, request, options),
  };
}

function remoteCalls(channel: Channel): RemoteCalls {
  const rpc = RemoteService.method;
  return {
    listRemotes: (options) => channel.unary(rpc.listRemotes, {}, options),
    listRemoteSnapshots: (request, options) =>
      channel.unary(rpc.listRemoteSnapshots, request, options),
    checkRemote: (request, options) => channel.serverStream(rpc.checkRemote, request, options),
    deleteRemoteSnapshots: (request, options) =>
      channel.unary(rpc.deleteRemoteSnapshots, request, options),
    collectRemoteGarbage: (request, options) =>
      channel.serverStream(rpc.collectRemoteGarbage, request, options),
    verifyRemote: (request, options) => channel.serverStream(rpc.verifyRemote, request, options),
  };
}

function systemCalls(channel: Channel): SystemCalls {
  return {
    getInfo: (options) => channel.unary(SystemService.method.getInfo, {}, options),
    check: (request = {}, options) =>
      channel.serverStream(SystemService.method.check, request, options),
    repair: (request = {}, options) =>
      channel.serverStream(SystemService.method.repair, request, options),
    checkHealth: (request = {}, options) => channel.unary(Health.method.check, request, options),
    listHealth: (options) => channel.unary(Health.method.list, {}, options),
  };
}

function withRef<Request extends object>(request: string | Request): Request | { ref: string } {
  return typeof request === "string" ? { ref: request } : request;
}

/** The largest page that the daemon returns. */
const pageSize = 1000;

async function* listAll(
  channel: Channel,
  filter: SnapshotFilterInit | undefined,
  options: CallOptions | undefined,
): AsyncGenerator<Snapshot, void, undefined> {
  let pageToken = "";
  do {
    const page = await channel.unary(
      SnapshotService.method.list,
      { pageSize, pageToken, ...(filter === undefined ? {} : { filter }) },
      options,
    );
    yield* page.snapshots;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
