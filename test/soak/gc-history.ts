// Records the history of a run of the collection soak, by the clock of its clients. Judges whether
// every removed snapshot was allowed to be removed. A snapshot whose storage was acknowledged may
// be removed only
//   - by a caller's own Delete, or by being replaced under its name; or
//   - by a collection that reports it as REMOVED, if the policy of that collection covers it for
//     every reason that the collection gives, and if the snapshot was not protected or being read
//     during the removal, nor read between the plan and the removal.
// A caller knows only when a call began and when it was answered. If several orders are possible in
// between, the judge accepts the daemon's report.
import type { GcPolicy } from "../../src/model/gc-plan.js";

/** Both times are in milliseconds of the clock. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Stored {
  readonly id: string;
  readonly group: string;
  readonly createdAtMs: number;
  readonly allocatedBytes: number;
  readonly call: Span;
}

export interface Removal {
  readonly id: string;
  readonly reasons: readonly string[];
  readonly policy: GcPolicy;
  /** The call that made the plan. */
  readonly plan: Span;
  /**
   * The call that removed the snapshot. The same call made the plan, unless an orchestrator's
   * session removed the snapshot.
   */
  readonly removal: Span;
}

/** A read: the times at which it was requested, began (the header arrived) and ended. */
export interface Held extends Span {
  readonly id: string;
  readonly askedMs: number;
}

export interface History {
  stored(one: Stored): void;
  /** Records that a caller requests the snapshot's deletion, whose outcome is not always known. */
  givenUp(id: string, fromMs: number): void;
  /** Records that the answer of a call that stores under this name was lost. */
  mayBeStored(name: string): void;
  /** Records that a collection whose answer was an error may have removed these snapshots. */
  mayBeRemoved(ids: readonly string[]): void;
  removed(removal: Removal): void;
  held(read: Held): void;
  /**
   * Records a protection. The span is the time from the answer that confirmed the protection to the
   * call that revoked it.
   */
  protected(id: string, span: Span): void;
  /** Returns the ids that may still exist, oldest first. */
  alive(): readonly string[];
  /** Returns the bytes on disk that may have been stored since that time. */
  storedSinceBytes(fromMs: number): number;
  /** Returns the violations, from the ids and names that exist at the end. */
  judge(listed: ReadonlyMap<string, string>): readonly string[];
}

/**
 * The tolerance, in milliseconds, between the clock in a call's answer and the last access that the
 * daemon records.
 */
const clockSlackMs = 50;

export function createHistory(): History {
  const stored = new Map<string, Stored>();
  const givenUpMs = new Map<string, number>();
  const unsure = new Set<string>();
  const unsureNames = new Set<string>();
  const removals = new Map<string, Removal>();
  const reads = new Map<string, Held[]>();
  const protections = new Map<string, Span[]>();

  /** Returns true if the snapshot may have been in the store at some time of the span. */
  const mayHaveBeen = (one: Stored, { fromMs, toMs }: Span): boolean => {
    const removal = removals.get(one.id);
    if (removal !== undefined && removal.removal.toMs < fromMs) return false;
    return one.call.fromMs <= toMs;
  };
  const groupOf = ({ group }: Stored, { policy, plan }: Removal): readonly Stored[] =>
    [...stored.values()].filter(
      (other) =>
        (policy.groupByLabel === undefined || other.group === group) && mayHaveBeen(other, plan),
    );
  /** Returns the objection to a reason, if there is one. */
  const against = (reason: string, one: Stored, removal: Removal): string | undefined => {
    const { policy, plan } = removal;
    switch (reason) {
      case "KEEP_LAST": {
        const newer = groupOf(one, removal).filter((other) => other.createdAtMs >= one.createdAtMs);
        const others = newer.length - 1;
        if (policy.keepLast !== undefined && others >= policy.keepLast) return undefined;
        return `only ${others} of its group can have been newer, of ${policy.keepLast ?? "all"}`;
      }
      case "MAX_TOTAL_BYTES": {
        const total = groupOf(one, removal).reduce((sum, each) => sum + each.allocatedBytes, 0);
        if (policy.maxTotalBytes !== undefined && total > policy.maxTotalBytes) return undefined;
        return `its group can have had ${total} bytes at most`;
      }
      case "MAX_AGE": {
        if (policy.maxAgeMs === undefined) return "the policy has no such limit";
        const oldestMs = plan.toMs - policy.maxAgeMs + clockSlackMs;
        const used = (reads.get(one.id) ?? [])
          .filter(({ fromMs }) => fromMs < plan.fromMs)
          .reduce((latest, { askedMs }) => Math.max(latest, askedMs), one.createdAtMs);
        return used > oldestMs ? `it was used ${plan.toMs - used} ms before` : undefined;
      }
      case "EVICT_ALL":
        return policy.evictAll === true ? undefined : "the policy does not say so";
      default:
        return "a stored snapshot is not a leftover";
    }
  };
  const judgeRemoval = (one: Stored, removal: Removal): string[] => {
    const { reasons, plan, removal: call } = removal;
    const problems = reasons.flatMap((reason) => {
      const objection = against(reason, one, removal);
      return objection === undefined ? [] : [`removed as ${reason}, but ${objection}`];
    });
    if (reasons.length === 0) problems.push("removed without a reason");
    const covers = ({ fromMs, toMs }: Span): boolean => fromMs < call.fromMs && toMs > call.toMs;
    if (protections.get(one.id)?.some(covers) === true) problems.push("removed while protected");
    const held = reads.get(one.id) ?? [];
    if (held.some(covers)) problems.push("removed while somebody read it");
    if (held.some(({ askedMs, fromMs }) => askedMs > plan.toMs + 2 && fromMs < call.fromMs)) {
      problems.push("removed although it was read since the plan");
    }
    return problems;
  };
  return {
    stored: (one) => void stored.set(one.id, one),
    givenUp: (id, fromMs) => void givenUpMs.set(id, givenUpMs.get(id) ?? fromMs),
    mayBeStored: (name) => void unsureNames.add(name),
    mayBeRemoved: (ids) => ids.forEach((id) => unsure.add(id)),
    removed: (removal) => void removals.set(removal.id, removal),
    held: (read) => void append(reads, read.id, read),
    protected: (id, span) => void append(protections, id, span),
    alive: () => [...stored.keys()].filter((id) => !givenUpMs.has(id) && !removals.has(id)),
    storedSinceBytes: (fromMs) =>
      [...stored.values()]
        .filter(({ call }) => call.toMs >= fromMs)
        .reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0),
    judge: (listed) => {
      const problems: string[] = [];
      for (const one of stored.values()) {
        const removal = removals.get(one.id);
        if (removal !== undefined) {
          problems.push(...judgeRemoval(one, removal).map((text) => `${one.id}: ${text}`));
          if (listed.has(one.id)) problems.push(`${one.id}: reported as removed, and still there`);
        } else if (!givenUpMs.has(one.id) && !unsure.has(one.id) && !listed.has(one.id)) {
          problems.push(`${one.id}: gone, and nobody removed it`);
        }
      }
      for (const [id, name] of listed) {
        if (stored.has(id) || unsureNames.has(name)) continue;
        problems.push(`${id}: listed, though no call that stores was answered`);
      }
      return problems;
    },
  };
}

function append<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
