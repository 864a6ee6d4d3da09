// Plans an automatic push: which snapshots are still to be pushed, and which copies are to be
// removed. The plan is a pure function of what is here, what is at the remote, and the policy.
import { keptOf, type KeepPolicy } from "../model/keep.js";
import type { RemoteCopy } from "../model/remote-copy.js";
import type { Selected } from "./auto-push-selection.js";

export interface AutoPushPlan {
  /** The snapshots to push, the oldest first. */
  readonly pending: readonly Selected[];
  /**
   * The copies to remove. They are not needed even if nothing of `pending` ever arrives, so that
   * nothing is removed for a snapshot that is not there yet.
   */
  readonly surplus: readonly RemoteCopy[];
}

/**
 * Plans for one remote. Without a policy everything is pushed and nothing is removed. Only copies
 * that an automatic push has stored are removed.
 */
export function planAutoPush(
  selected: Iterable<Selected>,
  copies: readonly RemoteCopy[],
  keep: KeepPolicy | undefined,
): AutoPushPlan {
  const done = copies.filter(({ state }) => state !== "begun");
  const known = new Set(done.map(copyKey));
  const waiting = [...selected].filter((each) => !known.has(copyKey(each)));
  const oldestFirst = (a: Selected, b: Selected): number => a.createdAtMs - b.createdAtMs;
  if (keep === undefined) return { pending: waiting.sort(oldestFirst), surplus: [] };
  const there = groupBy(done.filter(({ state }) => state === "pushed"));
  const here = groupBy(waiting);
  const pending: Selected[] = [];
  const surplus: RemoteCopy[] = [];
  for (const lineage of new Set([...there.keys(), ...here.keys()])) {
    const [own, others] = [there.get(lineage) ?? [], here.get(lineage) ?? []];
    const items = own.map((copy) => ({ id: copy.remoteId, createdAtMs: copy.createdAtMs }));
    const stays = keptOf(items, keep);
    surplus.push(...own.filter(({ remoteId }) => !stays.has(remoteId)));
    // A snapshot that would be removed right after its push is not pushed.
    const added = others.map(({ snapshotId: id, createdAtMs }) => ({ id, createdAtMs }));
    const worth = keptOf([...items, ...added], keep);
    pending.push(...others.filter(({ snapshotId }) => worth.has(snapshotId)));
  }
  return { pending: pending.sort(oldestFirst), surplus };
}

/** Identifies a copy at one remote. */
export function copyKey({ snapshotId, name }: Pick<RemoteCopy, "snapshotId" | "name">): string {
  return `${snapshotId} ${name}`;
}

function groupBy<T extends { readonly lineage: string }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.lineage);
    if (group === undefined) groups.set(item.lineage, [item]);
    else group.push(item);
  }
  return groups;
}
