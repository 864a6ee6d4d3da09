// Runs a collection: lists the content of the store, makes a plan, and checks each row of the plan
// again right before its removal. A failed listing ends the collection and never means "empty".
import { join } from "node:path";
import { isStoreError, StoreError } from "../../base/errors.js";
import { exists } from "../../files/durable.js";
import {
  discardPublished,
  listEntries,
  purgeRemoved,
  purgeStaging,
  putAway,
  quarantine,
} from "../../files/removal.js";
import {
  isPastExpiry,
  planCollection,
  type GcInput,
  type GcLeftover,
  type GcPolicy,
  type GcReason,
  type GcRow,
} from "../../model/gc-plan.js";
import { describeDoubt, isSuspect } from "../../model/elapsed.js";
import { idPattern } from "../../model/name.js";
import type { Snapshot } from "../../model/snapshot.js";
import { inSpan } from "../../observe/spans.js";
import type { Remover } from "./remover.js";
import { isMissing, isOrphan, surveyOwn, surveyStore, type GcSurvey } from "./gc-survey.js";
import { evict } from "./removal.js";

export type GcOutcome =
  "planned" | "removed" | "kept_in_use" | "kept_protected" | "kept_changed" | "failed";

export interface GcResult extends Omit<GcRow, "verdict"> {
  readonly outcome: GcOutcome;
  /** Details for people. May be empty. */
  readonly message: string;
}

export interface CollectRequest {
  readonly policy: GcPolicy;
  /**
   * If true, the collection reports the rows that it would collect, and does not change the store.
   */
  readonly dryRun: boolean;
}

/**
 * Runs a collection. Throws CLOCK_SUSPECT under the conditions of `planNow`. Throws GC_LOCK_BUSY at
 * once if another collection, a repair or a GC session is running.
 */
export async function collectGarbage(
  remover: Remover,
  { policy, dryRun }: CollectRequest,
  signal: AbortSignal,
): Promise<GcResult[]> {
  using _ = remover.collecting.lock();
  if (policy.trustClock === true && !dryRun) remover.catalog.trustClock();
  const results: GcResult[] = [];
  for (const row of await planNow(remover, policy, signal)) {
    results.push(dryRun || signal.aborted ? planned(row) : await carryOut(remover, row));
  }
  return results;
}

/**
 * Collects for a caller that is confined to a prefix, with parts from `confinedParts`. It treats
 * nothing as a leftover, because unknown files may belong to another caller.
 */
export async function collectOwn(
  remover: Remover,
  { policy, dryRun }: CollectRequest,
  signal: AbortSignal,
): Promise<GcResult[]> {
  using _ = remover.collecting.lock();
  requireKnownAges(remover, policy);
  const survey = await surveyOwn(remover, policy.groupByLabel, signal);
  const results: GcResult[] = [];
  for (const row of planCollection(inputFor(remover, survey, policy))) {
    results.push(dryRun || signal.aborted ? planned(row) : await carryOut(remover, row));
  }
  return results;
}

/**
 * Plans a collection of the store's current content. Throws CLOCK_SUSPECT if the policy has a
 * maximum age, does not trust the clock, and the clock is suspect.
 */
export async function planNow(
  remover: Remover,
  policy: GcPolicy,
  signal: AbortSignal,
): Promise<Iterable<GcRow>> {
  return inSpan("plan", {}, async () => {
    requireKnownAges(remover, policy);
    const survey = await surveyStore(remover, policy.groupByLabel, signal);
    return planCollection(inputFor(remover, survey, policy));
  });
}

function inputFor(remover: Remover, survey: GcSurvey, policy: GcPolicy): GcInput {
  requireKnownAges(remover, policy);
  const { catalog, clock } = remover;
  const { maxAgeMs = 0, trustClock } = policy;
  const isKnown = trustClock === true || !isSuspect(catalog.clockDoubt());
  return {
    ...survey,
    policy,
    oldStampMs: catalog.stampOfAge(maxAgeMs, trustClock),
    nowMs: isKnown ? clock.now().getTime() : undefined,
  };
}

/**
 * Throws CLOCK_SUSPECT if the policy has a maximum age, does not trust the clock, and the clock is
 * suspect.
 */
function requireKnownAges({ catalog }: Remover, { maxAgeMs, trustClock }: GcPolicy): void {
  const doubt = catalog.clockDoubt();
  if (maxAgeMs === undefined || trustClock === true || !isSuspect(doubt)) return;
  throw new StoreError(
    "CLOCK_SUSPECT",
    `no maximum age can be applied, the age of snapshots is uncertain: ${describeDoubt(doubt)}`,
    {
      hint: "Set the clock right; if it is right, let the policy trust it (`stasis gc --trust-clock`)",
      metadata: { ahead_ms: String(doubt.aheadMs) },
    },
  );
}

function planned(row: GcRow): GcResult {
  return result(row, row.verdict === "remove" ? "planned" : row.verdict);
}

function result({ verdict: _, ...row }: GcRow, outcome: GcOutcome, message = ""): GcResult {
  return { ...row, outcome, message };
}

/**
 * Acts on one row if it still applies. Reports a failure in the result and does not throw, so that
 * the collection continues with the other rows.
 */
export async function carryOut(remover: Remover, row: GcRow): Promise<GcResult> {
  const done = await actOn(remover, row);
  remover.observer.collected(done);
  return done;
}

async function actOn(remover: Remover, row: GcRow): Promise<GcResult> {
  if (row.verdict !== "remove") return result(row, row.verdict);
  try {
    const [reason] = row.reasons;
    if (isLeftoverReason(reason)) return await removeLeftover(remover, row, reason);
    const as = row.reasons.includes("expired") ? "expired" : "evicted";
    const refusal = await evict(remover, row.id, () => keptBecause(remover, row), as);
    return result(row, refusal ?? "removed");
  } catch (error) {
    remover.logger.error({ err: error, id: row.id }, "garbage collection could not remove it");
    return result(row, "failed", isStoreError(error) ? error.message : "unexpected error");
  }
}

function isLeftoverReason(reason: GcReason | undefined): reason is GcLeftover["reason"] {
  return reason === "orphan" || reason === "stale_pending" || reason === "missing_directory";
}

/** Returns the reason why a planned snapshot stays after all, or undefined if it can be removed. */
function keptBecause(remover: Remover, row: GcRow): GcOutcome | undefined {
  const now = remover.catalog.get(row.id);
  if (now?.state !== "ready") return "kept_changed";
  const taken = keptForSomebody(remover, now);
  if (taken !== undefined) return taken;
  const current = remover.catalog.gcSnapshot("", row.id);
  if (current === undefined || current.lastUsedMs !== row.lastUsedMs) return "kept_changed";
  const nowMs = remover.clock.now().getTime();
  const wasExtended = row.reasons.includes("expired") && !isPastExpiry(current, nowMs);
  return wasExtended ? "kept_changed" : undefined;
}

function keptForSomebody(remover: Remover, snapshot: Snapshot): GcOutcome | undefined {
  if (snapshot.protected) return "kept_protected";
  return remover.leases.inUse(snapshot.config.id) ? "kept_in_use" : undefined;
}

async function removeLeftover(
  remover: Remover,
  row: GcRow,
  reason: GcLeftover["reason"],
): Promise<GcResult> {
  const { catalog, layout } = remover;
  const { id } = row;
  if (reason === "missing_directory") {
    if (await exists(layout.dataDirectory(id))) return result(row, "kept_changed");
    const refusal = await evict(remover, id, () => {
      const now = catalog.get(id);
      if (now === undefined || !isMissing(remover, id)) return "kept_changed";
      return keptForSomebody(remover, now);
    });
    return result(row, refusal ?? "removed");
  }
  if (reason === "stale_pending") {
    if (remover.intakes.has(id) || catalog.get(id)?.state !== "pending") {
      return result(row, "kept_changed");
    }
    await discardPublished(layout, id);
    await clearStaged(remover, id);
    catalog.abandonPending(id);
    return result(row, "removed");
  }
  if (!isOrphan(remover, id)) return result(row, "kept_changed");
  const path = join(layout.dataRoot, id);
  if (!(await exists(path))) {
    if (!(await exists(join(layout.stagingRoot, id)))) return result(row, "kept_changed");
    await clearStaged(remover, id);
    return result(row, "removed");
  }
  if (!idPattern.test(id)) {
    const target = await quarantine(layout, path, "not made by stasis: no snapshot id");
    return result(row, "removed", `moved to ${target}`);
  }
  await putAway(layout, id);
  await purgeRemoved(layout, id);
  return result(row, "removed");
}

/** Discards one staging area. A directory that was taken over returns to its old place. */
async function clearStaged(remover: Remover, id: string): Promise<void> {
  const others = await listEntries(remover.layout.stagingRoot);
  await purgeStaging(remover.layout, new Set(others.filter((name) => name !== id)));
}
