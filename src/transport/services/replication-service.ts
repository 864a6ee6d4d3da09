// ReplicationService over the domain of replication.
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { fieldInvalid } from "../../base/errors.js";
import { seesPaths } from "../../model/access.js";
import type { TransferCounters } from "../../replication/fetch.js";
import type { Replicator } from "../../replication/replicator.js";
import { serveBlocks, serveManifest, type ServedBlock } from "../../replication/serve.js";
import type { SnapshotStore } from "../../store/snapshot-store.js";
import {
  BlockEncoding,
  ReplicationService,
} from "../../../gen/ts/stasis/v1/replication_service_pb.js";
import { checkSocketAddress, type NodePolicy } from "../auth/node-access.js";
import { bindService, type ServiceBinding } from "../handler.js";
import { sizeFromWire, snapshotToMessage } from "./convert.js";

const wireEncoding: Readonly<Record<ServedBlock["encoding"], BlockEncoding>> = {
  raw: BlockEncoding.RAW,
  pages: BlockEncoding.PAGES,
  "xor-deflate": BlockEncoding.XOR_DEFLATE,
  "nonzero-pages": BlockEncoding.NONZERO_PAGES,
};

/** `advertised` is where peers reach this daemon, or empty. */
export function bindReplicationService(
  store: SnapshotStore,
  replicator: Replicator,
  advertised: () => string,
  policy: NodePolicy,
): ServiceBinding {
  const dataDirectory = (id: string): string => store.layout.filesDirectory(id);
  return bindService(
    ReplicationService,
    {
      pull: async function* ({ source, ref, name, requestId, repair, ...rest }, context) {
        const { signal, identity, method } = context;
        if (source === "")
          throw fieldInvalid("source", "the name or the address of a peer", source);
        checkSocketAddress(source, identity, method, policy);
        if (ref === "") throw fieldInvalid("ref", "an id, a name or a prefix of an id", ref);
        if (repair && name !== "") throw fieldInvalid("name", "nothing with repair", name);
        const limitBytesPerSecond = sizeFromWire(
          rest.limitBytesPerSecond,
          "limit_bytes_per_second",
        );
        const request = { source, ref, name, requestId, repair, limitBytesPerSecond };
        for await (const event of replicator.pull(request, signal)) {
          if (event.kind === "progress") {
            yield { event: { case: "progress", value: progressToWire(event.progress) } };
          } else {
            const { snapshot } = event;
            const directory = seesPaths(identity) ? dataDirectory(snapshot.config.id) : "";
            const value = snapshotToMessage(snapshot, directory);
            yield { event: { case: "snapshot", value } };
          }
        }
      },
      push: async function* ({ target, ref, name, requestId, ...rest }, context) {
        const { signal, identity, method } = context;
        if (target === "")
          throw fieldInvalid("target", "the name or the address of a peer", target);
        checkSocketAddress(target, identity, method, policy);
        // The other daemon would take it for an address that this one names.
        checkSocketAddress(rest.source, identity, method, policy);
        const source = rest.source === "" ? advertised() : rest.source;
        if (source === "") {
          const hint = "Set the option `advertise`, or name it in the request";
          throw fieldInvalid("source", "where the peer reaches this daemon", source, hint);
        }
        const { id } = store.inspect(ref).config;
        const { limitBytesPerSecond } = rest;
        await using client = replicator.connect(target, "target");
        const request = { source, ref: id, name, requestId, limitBytesPerSecond };
        for await (const { event } of client.pull(request, { signal })) yield { event };
      },
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
      getManifest: async function* (request, { signal }) {
        for await (const part of serveManifest(store, request, signal)) {
          if (part.kind === "snapshot") {
            const { snapshot, baseDigest } = part;
            const value = snapshotToMessage(snapshot, "");
            yield { part: { case: "snapshot", value }, baseDigest };
          } else {
            const { file, bytes: table, last } = part;
            yield { part: { case: "blocks", value: { file, table, last } } };
          }
        }
      },
      readBlocks: async function* (request, { signal }) {
        for await (const { index, data, encoding, changedPages } of serveBlocks(
          store,
          request,
          signal,
        )) {
          yield { index: BigInt(index), data, encoding: wireEncoding[encoding], changedPages };
        }
      },
    },
    { byteStreams: ["readBlocks"], endsOnDrain: ["getManifest"] },
  );
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
