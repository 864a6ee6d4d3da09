// ReplicationService: converts messages to values of replication, and back.
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { fieldInvalid } from "../../base/errors.js";
import { seesPaths } from "../../model/access.js";
import type { TransferCounters } from "../../replication/fetch.js";
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
  type ReadBlocksRequest,
} from "../../../gen/ts/stasis/v1/replication_service_pb.js";
import { checkSocketAddress, type NodePolicy } from "../auth/node-access.js";
import { bindService, type ServiceBinding, type ServiceImplementation } from "../handler.js";
import { sizeFromWire, snapshotToMessage } from "./convert.js";
import { streamWithFieldNames } from "../field-names.js";

const wireEncoding: Readonly<Record<ServedEncoding, BlockEncoding>> = {
  raw: BlockEncoding.RAW,
  pages: BlockEncoding.PAGES,
  "xor-deflate": BlockEncoding.XOR_DEFLATE,
  "nonzero-pages": BlockEncoding.NONZERO_PAGES,
};

type ReplicationMethods = ServiceImplementation<typeof ReplicationService>;

/**
 * Binds the service. `advertised` returns the address at which peers reach this daemon, or an empty
 * text.
 */
export function bindReplicationService(
  store: SnapshotStore,
  replicator: Replicator,
  advertised: () => string,
  policy: NodePolicy,
): ServiceBinding {
  return bindService(
    ReplicationService,
    {
      ...implementPull(store, replicator, policy),
      ...implementPush(store, replicator, advertised, policy),
      ...implementTransfers(replicator),
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
    pull: async function* ({ source, ref, name, requestId, repair, ...rest }, context) {
      const { signal, identity, method } = context;
      requirePeer("source", source);
      checkSocketAddress(source, identity, method, policy);
      if (ref === "") throw fieldInvalid("ref", "an id, a name or a prefix of an id", ref);
      if (repair && name !== "") throw fieldInvalid("name", "nothing with repair", name);
      const limitBytesPerSecond = sizeFromWire(rest.limitBytesPerSecond, "limit_bytes_per_second");
      const { keepExpireTime } = rest;
      const request = {
        ...{ source, ref, name, requestId, repair, limitBytesPerSecond, keepExpireTime },
      };
      const events = replicator.pull(request, signal);
      for await (const event of streamWithFieldNames([["config", ""]], events)) {
        if (event.kind === "progress") {
          yield { event: { case: "progress", value: progressToWire(event.progress) } };
        } else {
          const { snapshot } = event;
          const { id } = snapshot.config;
          const directory = seesPaths(identity) ? store.layout.filesDirectory(id) : "";
          const value = snapshotToMessage(snapshot, directory);
          yield { event: { case: "snapshot", value } };
        }
      }
    },
  };
}

function implementPush(
  store: Pick<SnapshotStore, "inspect">,
  replicator: Replicator,
  advertised: () => string,
  policy: NodePolicy,
): Pick<ReplicationMethods, "push"> {
  return {
    push: async function* ({ target, ref, name, requestId, ...rest }, context) {
      const { signal, identity, method } = context;
      requirePeer("target", target);
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

function implementTransfers(
  replicator: Replicator,
): Pick<ReplicationMethods, "listTransfers" | "cancelTransfer"> {
  return {
    listTransfers: async () => {
      const transfers = await replicator.transfers();
      return {
        transfers: transfers.map(({ progress, startedAt, ...shown }) => ({
          ...shown,
          startedAt: timestampFromDate(startedAt),
          ...(progress === undefined ? {} : { progress: progressToWire(progress) }),
        })),
      };
    },
    cancelTransfer: async ({ digest }) => ({ found: await replicator.cancel(digest) }),
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
 * because this version does not send them.
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

function requirePeer(field: "source" | "target", peer: string): void {
  if (peer === "") throw fieldInvalid(field, "the name or the address of a peer", peer);
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
