// Implements GcService: runs collections and GC sessions of the store.
import { durationMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { fieldInvalid } from "../../base/errors.js";
import type { GcPolicy, GcReason } from "../../model/gc-plan.js";
import type { GcOutcome, GcResult } from "../../store/remove/collect.js";
import type { SnapshotStore } from "../../store/snapshot-store.js";
import {
  GcOutcome as WireOutcome,
  GcReason as WireReason,
  GcService,
  type GcPolicy as WirePolicy,
} from "../../../gen/ts/stasis/v1/gc_service_pb.js";
import {
  bindConfinedService,
  type ServiceBinding,
  type ServiceImplementation,
} from "../handler.js";

export function bindGcService(store: SnapshotStore): ServiceBinding {
  const { gcSessions } = store;
  const whole: ServiceImplementation<typeof GcService> = {
    ...implementOneShot(store),
    beginGc: ({ owner, ttl }) => {
      const ttlMs = ttl === undefined ? defaultTtlMs : durationMs(ttl);
      const { sessionId, epoch, expiresAt } = gcSessions.begin({ owner, ttlMs });
      const answer = { sessionId, epoch: BigInt(epoch), expiresAt: timestampFromDate(expiresAt) };
      return Promise.resolve(answer);
    },
    listGcReferences: async ({ pageSize, pageToken, ...ref }) => {
      const page = { pageSize: pageSizeFromWire(pageSize, 1000, 10_000), pageToken };
      const { blobIds, nextPageToken, totalCount, digest } = await gcSessions.listReferences(
        sessionFromWire(ref),
        page,
      );
      return {
        imageBlobIds: [...blobIds],
        nextPageToken,
        totalCount: BigInt(totalCount),
        digest,
      };
    },
    listGcCandidates: async ({ policy, pageSize, pageToken, ...ref }, { signal }) => {
      const page = { pageSize: pageSizeFromWire(pageSize, 100, 1000), pageToken };
      const { candidates, nextPageToken } = await gcSessions.listCandidates(
        sessionFromWire(ref),
        policyFromWire(policy, "policy"),
        page,
        signal,
      );
      return { candidates: candidates.map(candidateToWire), nextPageToken };
    },
    collectGc: async ({ ids, requestId, ...ref }) => {
      const request = { ...sessionFromWire(ref), ids, requestId };
      const outcomes = await gcSessions.collect(request);
      return {
        outcomes: outcomes.map(({ id, result }) =>
          result === undefined ? { id, outcome: WireOutcome.NOT_FOUND } : candidateToWire(result),
        ),
      };
    },
    renewGc: (ref) => {
      const { expiresAt } = gcSessions.renew(sessionFromWire(ref));
      return Promise.resolve({ expiresAt: timestampFromDate(expiresAt) });
    },
    endGc: (ref) => {
      gcSessions.end(sessionFromWire(ref));
      return Promise.resolve({});
    },
  };
  const confined = (namePrefix: string) => implementOneShot(store.confined(namePrefix));
  return bindConfinedService(GcService, whole, confined);
}

function implementOneShot(
  store: Pick<SnapshotStore, "collectGarbage">,
): Pick<ServiceImplementation<typeof GcService>, "collectGarbage"> {
  return {
    collectGarbage: async ({ policy, dryRun }, { signal }) => {
      const request = { policy: policyFromWire(policy, "policy"), dryRun };
      const results = await store.collectGarbage(request, signal);
      return { candidates: results.map(candidateToWire), freedBytes: freedBytes(results) };
    },
  };
}

const defaultTtlMs = 60_000;

function sessionFromWire(ref: { readonly sessionId: string; readonly epoch: bigint }) {
  return { sessionId: ref.sessionId, epoch: Number(ref.epoch) };
}

function pageSizeFromWire(pageSize: number, standard: number, max: number): number {
  if (pageSize < 0 || pageSize > max) throw fieldInvalid("page_size", `0 to ${max}`, pageSize);
  return pageSize === 0 ? standard : pageSize;
}

/**
 * Converts a policy. Zero and empty mean "not used". Throws FIELD_INVALID for a value that is
 * invalid or would have no effect.
 */
function policyFromWire(policy: WirePolicy | undefined, field: string): GcPolicy {
  if (policy === undefined) return {};
  const { keepLast, maxAge, maxTotalBytes, evictAll, groupByLabel, trustClock } = policy;
  if (keepLast < 0) throw fieldInvalid(`${field}.keep_last`, "0 (not used) or more", keepLast);
  if (maxTotalBytes < 0n) {
    throw fieldInvalid(`${field}.max_total_bytes`, "0 (not used) or more", String(maxTotalBytes));
  }
  const maxAgeMs = maxAge === undefined ? undefined : durationMs(maxAge);
  if (maxAgeMs !== undefined && maxAgeMs <= 0) {
    throw fieldInvalid(`${field}.max_age`, "a duration above 0", `${maxAgeMs} ms`);
  }
  if (groupByLabel !== "" && keepLast === 0 && maxTotalBytes === 0n) {
    const hint = "It says to what keep_last and max_total_bytes apply: set one of them";
    throw fieldInvalid(`${field}.group_by_label`, "keep_last or max_total_bytes", "neither", hint);
  }
  return {
    keepLast: keepLast === 0 ? undefined : keepLast,
    maxAgeMs,
    maxTotalBytes: maxTotalBytes === 0n ? undefined : Number(maxTotalBytes),
    evictAll,
    groupByLabel: groupByLabel === "" ? undefined : groupByLabel,
    trustClock,
  };
}

const wireReason: Readonly<Record<GcReason, WireReason>> = {
  orphan: WireReason.ORPHAN,
  stale_pending: WireReason.STALE_PENDING,
  missing_directory: WireReason.MISSING_DIRECTORY,
  expired: WireReason.EXPIRED,
  keep_last: WireReason.KEEP_LAST,
  max_age: WireReason.MAX_AGE,
  max_total_bytes: WireReason.MAX_TOTAL_BYTES,
  evict_all: WireReason.EVICT_ALL,
};

const wireOutcome: Readonly<Record<GcOutcome, WireOutcome>> = {
  planned: WireOutcome.PLANNED,
  removed: WireOutcome.REMOVED,
  kept_in_use: WireOutcome.KEPT_IN_USE,
  kept_protected: WireOutcome.KEPT_PROTECTED,
  kept_changed: WireOutcome.KEPT_CHANGED,
  failed: WireOutcome.FAILED,
};

function candidateToWire({ id, name, chargedBytes, lastAccessedAt, ...rest }: GcResult) {
  return {
    id,
    name,
    bytes: BigInt(chargedBytes),
    ...(lastAccessedAt === undefined ? {} : { lastAccessedAt: timestampFromDate(lastAccessedAt) }),
    reasons: rest.reasons.map((reason) => wireReason[reason]),
    outcome: wireOutcome[rest.outcome],
    message: rest.message,
  };
}

function freedBytes(results: readonly GcResult[]): bigint {
  const gone = results.filter(({ outcome }) => outcome === "removed" || outcome === "planned");
  return BigInt(gone.reduce((sum, { chargedBytes }) => sum + chargedBytes, 0));
}
