// Implements SystemService: describes this daemon, and checks and repairs its store.
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { BuildInfo } from "../../base/build-info.js";
import { seesPaths } from "../../model/access.js";
import { readEncodings } from "../../replication/fetch.js";
import { maxPageSize } from "../../model/page-size.js";
import type { ScrubCounts, ScrubState } from "../../model/scrub.js";
import type { ClockStatus } from "../../store/parts/clock-alarm.js";
import type { StoreProblem } from "../../store/parts/condition.js";
import type { SnapshotStore } from "../../store/snapshot-store.js";
import type { StoreUsage } from "../../store/parts/usage.js";
import { ErrorReason } from "../../../gen/ts/stasis/v1/errors_pb.js";
import { CloneMode } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { SystemService } from "../../../gen/ts/stasis/v1/system_service_pb.js";
import { bindService, type CallContext, type ServiceBinding } from "../handler.js";
import { sizeFromWire } from "./convert.js";
import { checkEventToMessage, repairedToMessage } from "./finding-messages.js";

interface SystemFacts extends BuildInfo {
  readonly startedAt: Date;
  readonly maxMessageBytes: number;
  readonly chunkBytes: number;
  readonly maxStreams: number;
  readonly maxConnections: number;
  readonly scrubIntervalMs: number;
}

export function bindSystemService(store: SnapshotStore, facts: SystemFacts): ServiceBinding {
  return bindService(SystemService, {
    getInfo: async (_request, { identity }) => {
      const seesAll = identity.namePrefix === "";
      const usage = seesAll ? store.usage() : undefined;
      const problems = await store.condition.current();
      return {
        version: facts.version,
        commit: facts.commit,
        formats: store.formats,
        storeType: "localfile",
        nodeId: store.nodeId,
        root: seesPaths(identity) ? store.layout.root : "",
        startedAt: timestampFromDate(facts.startedAt),
        limits: {
          maxMessageBytes: BigInt(facts.maxMessageBytes),
          chunkBytes: BigInt(facts.chunkBytes),
          maxStreams: facts.maxStreams,
          maxFiles: store.limits.maxFiles,
          maxSegments: BigInt(store.limits.maxSegments),
          maxPageSize,
          maxEnvelopeBytes: BigInt(store.limits.maxEnvelopeBytes),
          maxConnections: facts.maxConnections,
          maxWatchers: store.limits.maxWatchers,
          maxEvents: BigInt(store.limits.maxEvents),
          requestRetention: durationFromMs(store.limits.requestRetentionMs),
          // Callers that are confined to a prefix must not learn the totals.
          maxStoreBytes: BigInt(seesAll ? store.limits.maxStoreBytes : 0),
        },
        features: featuresOf(store, seesPaths(identity)),
        // Callers that are confined to a prefix must not learn about others' snapshots.
        ...(usage === undefined ? {} : { usage: usageToMessage(usage) }),
        ...(seesAll ? { scrub: scrubToMessage(store.scrub.state(), facts.scrubIntervalMs) } : {}),
        ...(seesAll ? { clock: clockToMessage(store.clock()) } : {}),
        problems: problems.map((problem) => problemToMessage(problem, seesPaths(identity))),
      };
    },
    check: async function* ({ deep, limitBytesPerSecond: limit }, { signal }: CallContext) {
      const limitBytesPerSecond = sizeFromWire(limit, "limit_bytes_per_second");
      for await (const event of store.check({ deep, limitBytesPerSecond }, signal)) {
        yield checkEventToMessage(event);
      }
    },
    repair: async function* (request, { signal }: CallContext) {
      const { dryRun, deep, limitBytesPerSecond: limit } = request;
      const limitBytesPerSecond = sizeFromWire(limit, "limit_bytes_per_second");
      const options = { dryRun, deep, limitBytesPerSecond };
      for await (const repaired of store.repair(options, signal)) yield repairedToMessage(repaired);
    },
  });
}

function featuresOf(store: SnapshotStore, directoryExport: boolean) {
  return {
    directAccess: true,
    gzip: true,
    zstd: store.zstd,
    directoryExport,
    reflink: store.reflink,
    encodings: [...readEncodings],
    tableVersions: [...store.formats.blockTables],
    cloneModes: directoryExport ? cloneModes(store) : [],
  };
}

/**
 * Returns the clone modes that the store supports. A link or a reflink needs a directory on the
 * store's own filesystem.
 */
function cloneModes({ reflink }: SnapshotStore): CloneMode[] {
  const { AUTO, LINK, REFLINK, COPY, SKIP } = CloneMode;
  return [AUTO, LINK, ...(reflink ? [REFLINK] : []), COPY, SKIP];
}

function scrubToMessage({ last, running }: ScrubState, intervalMs: number) {
  const counts = ({ startedAt, snapshots, bytes, damaged, unreadable }: ScrubCounts) => ({
    startedAt: timestampFromDate(startedAt),
    snapshots: BigInt(snapshots),
    bytes: BigInt(bytes),
    damaged: BigInt(damaged),
    unreadable: BigInt(unreadable),
  });
  return {
    interval: durationFromMs(intervalMs),
    ...(last && { last: { ...counts(last), endedAt: timestampFromDate(last.endedAt) } }),
    ...(running && { running: counts(running) }),
  };
}

function clockToMessage({ suspect, aheadMs, trustedAfterMs }: ClockStatus) {
  return {
    suspect,
    ahead: durationFromMs(aheadMs),
    ...(trustedAfterMs === undefined ? {} : { trustedAfter: durationFromMs(trustedAfterMs) }),
  };
}

function problemToMessage({ error, since, stopsReads }: StoreProblem, isTold: boolean) {
  const reason = ErrorReason[error.reason as keyof typeof ErrorReason];
  const message = isTold ? error.text : "";
  return { reason, message, since: timestampFromDate(since), stopsReads };
}

function usageToMessage(usage: StoreUsage) {
  return {
    snapshotCount: BigInt(usage.snapshotCount),
    sizeBytes: BigInt(usage.sizeBytes),
    allocatedBytes: BigInt(usage.allocatedBytes),
    freeBytes: BigInt(usage.freeBytes),
    chargedBytes: BigInt(usage.chargedBytes),
    heldBytes: BigInt(usage.heldBytes),
    corruptCount: BigInt(usage.corruptCount),
  };
}
