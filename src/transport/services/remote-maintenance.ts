// Implements the calls of RemoteService that maintain remotes: converts messages to values of
// remote/, and back.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, timestampFromDate, type Duration } from "@bufbuild/protobuf/wkt";
import { fieldInvalid, type StoreError } from "../../base/errors.js";
import type { CollectCounters, ObjectCounts, RemoteCollection } from "../../remote/collect.js";
import type { RemoteMaintenance } from "../../remote/maintenance.js";
import { isRunId, type OtherRun } from "../../remote/other-runs.js";
import type { RemoteRemoval } from "../../remote/removal.js";
import { verificationToMessage, verifyFromMessage } from "./remote-verify-messages.js";
import { ErrorReason } from "../../../gen/ts/stasis/v1/errors_pb.js";
import {
  RemoteDeletionOutcome,
  RemoteRunKind,
  type CollectRemoteGarbageRequest,
  type RemoteDeletionSchema,
  type RemoteGcProgressSchema,
  type RemoteGcResultSchema,
  type RemoteService,
} from "../../../gen/ts/stasis/v1/remote_service_pb.js";
import type { ServiceImplementation } from "../handler.js";

const maxRefs = 1000;

const defaultGraceMs = 24 * 3_600_000;
const defaultClaimTtlMs = 7 * 24 * 3_600_000;

type MaintenanceCalls = Pick<
  ServiceImplementation<typeof RemoteService>,
  "deleteRemoteSnapshots" | "collectRemoteGarbage" | "verifyRemote"
>;

export function implementMaintenance(remotes: RemoteMaintenance): MaintenanceCalls {
  return {
    deleteRemoteSnapshots: async ({ remote, refs, allowMissing }, { signal }) => {
      if (refs.length === 0 || refs.length > maxRefs) {
        throw fieldInvalid("refs", `1 to ${maxRefs} refs`, `${refs.length} refs`);
      }
      const index = refs.indexOf("");
      if (index >= 0)
        throw fieldInvalid(`refs[${index}]`, "an id, a name or a prefix of an id", "");
      const removals = await remotes.remove({ remote, refs, allowMissing }, signal);
      return { deletions: removals.map(removalToMessage) };
    },
    verifyRemote: async function* (message, { signal }) {
      for await (const event of remotes.verify(verifyFromMessage(message), signal)) {
        yield verificationToMessage(event);
      }
    },
    collectRemoteGarbage: async function* (message, { signal }) {
      const { remote, abandonRun, dryRun } = message;
      const options = collectFromMessage(message);
      if (abandonRun !== "") {
        await remotes.abandon(remote, abandonRun, signal);
        yield { event: { case: "result", value: {} } };
        return;
      }
      for await (const event of remotes.collect({ remote, dryRun, ...options }, signal)) {
        yield event.kind === "progress"
          ? { event: { case: "progress", value: progressToMessage(event.progress) } }
          : { event: { case: "result", value: collectionToMessage(event.result) } };
      }
    },
  };
}

const outcomes = {
  deleted: RemoteDeletionOutcome.DELETED,
  kept: RemoteDeletionOutcome.KEPT,
  missing: RemoteDeletionOutcome.MISSING,
  failed: RemoteDeletionOutcome.FAILED,
} as const;

function removalToMessage(removal: RemoteRemoval): MessageInitShape<typeof RemoteDeletionSchema> {
  const { ref, id = "", snapshot, outcome, problem, holders } = removal;
  return {
    ...{ ref, id, outcome: outcomes[outcome], holdingNodeIds: [...holders] },
    name: snapshot?.manifest.config.name ?? "",
    nodeId: snapshot?.nodeId ?? "",
    ...(snapshot === undefined ? {} : { pushedAt: timestampFromDate(snapshot.pushedAt) }),
    ...(problem === undefined ? {} : problemToMessage(problem)),
  };
}

function problemToMessage({ reason, text }: StoreError) {
  return { reason: ErrorReason[reason as keyof typeof ErrorReason], message: text };
}

function collectFromMessage({ grace, claimTtl, abandonRun, dryRun }: CollectRemoteGarbageRequest) {
  if (abandonRun !== "") {
    if (!isRunId(abandonRun)) throw fieldInvalid("abandon_run", "the id of a run", abandonRun);
    if (dryRun) throw fieldInvalid("dry_run", "false with abandon_run", dryRun);
  }
  return {
    graceMs: durationFromMessage(grace, "grace", defaultGraceMs),
    claimTtlMs: durationFromMessage(claimTtl, "claim_ttl", defaultClaimTtlMs),
  };
}

function durationFromMessage(duration: Duration | undefined, field: string, standard: number) {
  if (duration === undefined) return standard;
  const ms = durationMs(duration);
  if (ms < 0) throw fieldInvalid(field, "0 or more", `${ms} ms`);
  return ms;
}

function progressToMessage({
  snapshots,
  objects,
  candidates,
  deleted,
}: CollectCounters): MessageInitShape<typeof RemoteGcProgressSchema> {
  return {
    ...{ snapshots: BigInt(snapshots), objects: BigInt(objects) },
    ...{ candidates: BigInt(candidates), deleted: BigInt(deleted) },
  };
}

function collectionToMessage(
  done: RemoteCollection,
): MessageInitShape<typeof RemoteGcResultSchema> {
  return {
    deleted: countsToMessage(done),
    keptYoung: countsToMessage(done.young),
    keptClaimed: countsToMessage(done.claimed),
    snapshots: BigInt(done.snapshots),
    brokenSnapshotIds: [...done.broken],
    expiredClaims: BigInt(done.claims),
    leftovers: BigInt(done.leftovers),
    otherRuns: done.otherRuns.map(runToMessage),
    more: done.more,
  };
}

function countsToMessage({ packs, packBytes, maps }: ObjectCounts) {
  return { packs: BigInt(packs), packBytes: BigInt(packBytes), maps: BigInt(maps) };
}

function runToMessage({ run, kind, storedAt, snapshot, objects }: OtherRun) {
  const kinds = { collection: RemoteRunKind.COLLECTION, deletion: RemoteRunKind.DELETION };
  return {
    ...{ run, kind: kinds[kind], snapshotId: snapshot, objects: BigInt(objects) },
    storedAt: timestampFromDate(storedAt),
  };
}
