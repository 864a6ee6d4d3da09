// Implements ReplicationService: converts messages to values of replication, and back.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { fieldInvalid } from "../../base/errors.js";
import { seesPaths } from "../../model/access.js";
import type { TransferCounters } from "../../replication/fetch.js";
import type { PullRequest } from "../../replication/pull.js";
import type { Pushes } from "../../replication/pushes.js";
import type { Replicator } from "../../replication/replicator.js";
import type { PeerReads } from "../../replication/ports.js";
import { pagesToWire } from "../../replication/page-set.js";
import {
  serveBlocks,
  serveManifest,
  serveTable,
  type ServedEncoding,
} from "../../replication/serve.js";
import type { SnapshotStore } from "../../store/snapshot-store.js";
import {
  BlockEncoding,
  ReplicationService,
  TransferDirection,
  type PullRequest as PullRequestMessage,
  type PushRequest as PushRequestMessage,
  type PushResponseSchema,
  type ReadBlocksRequest,
} from "../../../gen/ts/stasis/v1/replication_service_pb.js";
import { checkSocketAddress, type NodePolicy } from "../auth/node-access.js";
import { bindService, type ServiceBinding, type ServiceImplementation } from "../handler.js";
import { sizeFromWire, snapshotToMessage } from "./convert.js";
import { remoteSnapshotToMessage } from "./remote-messages.js";
import { streamWithFieldNames } from "../field-names.js";

const wireEncoding: Readonly<Record<ServedEncoding, BlockEncoding>> = {
  raw: BlockEncoding.RAW,
  pages: BlockEncoding.PAGES,
  "xor-deflate": BlockEncoding.XOR_DEFLATE,
  "nonzero-pages": BlockEncoding.NONZERO_PAGES,
};

/** The transfers of this node: pulls, and pushes to remotes. */
interface NodeTransfers {
  readonly replicator: Replicator;
  readonly pushes: Pushes;
}

type ReplicationMethods = ServiceImplementation<typeof ReplicationService>;

/**
 * Binds the service. `advertised` returns the address at which peers reach this daemon, or an empty
 * string.
 */
export function bindReplicationService(
  store: SnapshotStore,
  transfers: NodeTransfers,
  advertised: () => string,
  policy: NodePolicy,
): ServiceBinding {
  return bindService(
    ReplicationService,
    {
      ...implementPull(store, transfers.replicator, policy),
      ...implementPush(store, transfers, advertised, policy),
      ...implementTransfers(transfers),
      ...implementServing(store),
    },
    { byteStreams: ["readTable", "readBlocks"], endsOnDrain: ["getManifest"] },
  );
}

function implementPull(
  store: Pick<SnapshotStore, "layout">,
  replicator: Replicator,
  policy: NodePolicy,
): Pick<ReplicationMethods, "pull"> {
  return {
    pull: async function* (message, context) {
      const { signal, identity, method } = context;
      const { remote, source } = message;
      requireOne("source", source, remote);
      if (remote === "") checkSocketAddress(source, identity, method, policy);
      const events = replicator.pull(pullFromMessage(message), signal);
      for await (const event of streamWithFieldNames([["config", ""]], events)) {
        if (event.kind === "progress") {
          yield { event: { case: "progress", value: progressToWire(event.progress) } };
        } else {
          const snapshot = event.result;
          const { id } = snapshot.config;
          const directory = seesPaths(identity) ? store.layout.filesDirectory(id) : "";
          const value = snapshotToMessage(snapshot, directory);
          yield { event: { case: "snapshot", value } };
        }
      }
    },
  };
}

function pullFromMessage(message: PullRequestMessage): PullRequest {
  const { remote, source, ref, name, requestId, repair, protect, unnamed } = message;
  const { keepExpireTime } = message;
  if (ref === "") throw fieldInvalid("ref", "an id, a name or a prefix of an id", ref);
  if (repair) {
    if (name !== "") throw fieldInvalid("name", "nothing with repair", name);
    if (remote !== "") throw fieldInvalid("remote", "nothing with repair", remote);
    if (protect) throw fieldInvalid("protect", "false with repair", protect);
  }
  if (unnamed && (repair || name !== "")) {
    throw fieldInvalid("unnamed", `false with ${repair ? "repair" : "name"}`, unnamed);
  }
  const field = "limit_bytes_per_second";
  const limitBytesPerSecond = sizeFromWire(message.limitBytesPerSecond, field);
  const from = remote === "" ? "peer" : "remote";
  const end = remote === "" ? source : remote;
  return {
    ...{ source: end, from, ref, name, unnamed, requestId, repair, protect },
    ...{ limitBytesPerSecond, keepExpireTime },
  };
}

function implementPush(
  store: Pick<SnapshotStore, "inspect">,
  { replicator, pushes }: NodeTransfers,
  advertised: () => string,
  policy: NodePolicy,
): Pick<ReplicationMethods, "push"> {
  return {
    push: async function* (message, context) {
      const { target, ref, name, requestId, remote, ...rest } = message;
      const { signal, identity, method } = context;
      requireOne("target", target, remote);
      if (remote !== "") {
        yield* pushToRemote(pushes, message, signal);
        return;
      }
      checkSocketAddress(target, identity, method, policy);
      // The other daemon would believe that this daemon chose the address, not the caller.
      checkSocketAddress(rest.source, identity, method, policy);
      const source = rest.source === "" ? advertised() : rest.source;
      if (source === "") {
        const hint = "Set the option `advertise`, or name it in the request";
        throw fieldInvalid("source", "where the peer reaches this daemon", source, hint);
      }
      const { id } = store.inspect(ref).config;
      const { limitBytesPerSecond, keepExpireTime } = rest;
      await using client = replicator.connect(target, "target");
      const request = {
        ...{ source, ref: id, name, requestId, limitBytesPerSecond, keepExpireTime },
      };
      for await (const { event } of client.pull(request, { signal })) yield { event };
    },
  };
}

async function* pushToRemote(
  pushes: Pushes,
  { remote, ref, name, source, ...rest }: PushRequestMessage,
  signal: AbortSignal,
): AsyncGenerator<MessageInitShape<typeof PushResponseSchema>, void, undefined> {
  if (source !== "") throw fieldInvalid("source", "nothing with remote", source);
  if (ref === "") throw fieldInvalid("ref", "an id, a name or a prefix of an id", ref);
  const limitBytesPerSecond = sizeFromWire(rest.limitBytesPerSecond, "limit_bytes_per_second");
  for await (const event of pushes.push({ remote, ref, name, limitBytesPerSecond }, signal)) {
    if (event.kind === "progress") {
      yield { event: { case: "progress", value: progressToWire(event.progress) } };
    } else {
      yield {
        event: { case: "remoteSnapshot", value: remoteSnapshotToMessage(event.result.snapshot) },
      };
    }
  }
}

const directions = {
  pull: TransferDirection.PULL,
  push: TransferDirection.PUSH,
} as const;

function implementTransfers({
  replicator,
  pushes,
}: NodeTransfers): Pick<ReplicationMethods, "listTransfers" | "cancelTransfer"> {
  return {
    listTransfers: async () => {
      const transfers = [...(await replicator.transfers()), ...pushes.running()];
      transfers.sort((a, b) => (a.digest < b.digest ? -1 : 1));
      return {
        transfers: transfers.map(({ progress, startedAt, direction, ...shown }) => ({
          ...shown,
          direction: directions[direction],
          startedAt: timestampFromDate(startedAt),
          ...(progress === undefined ? {} : { progress: progressToWire(progress) }),
        })),
      };
    },
    cancelTransfer: async ({ digest, id }) => {
      if (digest !== "" && id !== "") throw fieldInvalid("id", "nothing with digest", id);
      const wanted = id === "" ? digest : id;
      const isPull = id === "" || id.startsWith("sha256:");
      return { found: await (isPull ? replicator : pushes).cancel(wanted) };
    },
  };
}

/** Implements the methods with which peers read from this daemon. */
function implementServing(
  store: PeerReads,
): Pick<ReplicationMethods, "getManifest" | "readTable" | "readBlocks"> {
  return {
    getManifest: async function* (request, { signal }) {
      for await (const part of serveManifest(store, request, signal)) {
        if (part.kind === "snapshot") {
          const { snapshot, baseDigest, hashes } = part;
          const value = snapshotToMessage(snapshot, "", hashes);
          yield { part: { case: "snapshot", value }, baseDigest };
        } else if (part.kind === "summary") {
          const { file, lengthBytes } = part;
          yield { part: { case: "table", value: { file, length: BigInt(lengthBytes) } } };
        } else {
          const { file, bytes: table, last } = part;
          yield { part: { case: "blocks", value: { file, table, last } } };
        }
      }
    },
    readTable: async function* ({ snapshotId, file, offset, length }, { signal }) {
      const range = {
        offset: sizeFromWire(offset, "offset"),
        lengthBytes: sizeFromWire(length, "length"),
      };
      for await (const data of serveTable(store, { snapshotId, file, ...range }, signal)) {
        yield { data };
      }
    },
    readBlocks: async function* (request, { signal }) {
      const { snapshotId, file, ranges, baseDigest } = request;
      const asked = { snapshotId, file, ranges, baseDigest, encodings: encodingsOf(request) };
      for await (const block of serveBlocks(store, asked, signal)) {
        const { index, data, encoding, pages, length } = block;
        const shown = pagesToWire(pages, length, request.acceptsPageBitmap);
        yield { index: BigInt(index), data, encoding: wireEncoding[encoding], ...shown };
      }
    },
  };
}

/**
 * Returns the encodings that the request accepts. Encodings of a newer version are left out,
 * because this version does not send them. A request without a list accepts all of them, but
 * non-zero pages only if it says so.
 */
function encodingsOf({
  acceptEncodings: accepted,
  acceptsNonzeroPages,
}: ReadBlocksRequest): ReadonlySet<ServedEncoding> {
  const all = Object.keys(wireEncoding) as ServedEncoding[];
  if (accepted.length > 0)
    return new Set(all.filter((each) => accepted.includes(wireEncoding[each])));
  return new Set(all.filter((each) => each !== "nonzero-pages" || acceptsNonzeroPages));
}

/** Throws unless the request names a peer or a remote, and not both. */
function requireOne(field: "source" | "target", peer: string, remote: string): void {
  if (peer !== "" && remote !== "") throw fieldInvalid("remote", `nothing with ${field}`, remote);
  if (peer !== "" || remote !== "") return;
  const hint = "Or set `remote` to a remote of the configuration";
  throw fieldInvalid(field, "the name or the address of a peer", peer, hint);
}

function progressToWire(progress: TransferCounters) {
  const { totalBytes, doneBytes, changedBytes, sentBytes } = progress;
  return {
    totalBytes: BigInt(totalBytes),
    doneBytes: BigInt(doneBytes),
    changedBytes: BigInt(changedBytes),
    sentBytes: BigInt(sentBytes),
  };
}
