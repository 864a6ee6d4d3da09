// Tests the plan of a collection with examples for each criterion, and with properties for every
// store and policy.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  planCollection,
  type GcLeftover,
  type GcPolicy,
  type GcRow,
  type GcSnapshot,
} from "../../../src/model/gc-plan.js";

const elapsedMs = Date.UTC(2026, 0, 31, 12);
const hourMs = 3_600_000;

/** A snapshot, and whether a caller uses it. */
interface Held extends GcSnapshot {
  readonly inUse: boolean;
}

/** Returns a snapshot that was made and last accessed `age` hours ago. */
function snapshot(id: string, age: number, extra: Partial<Held> = {}): Held {
  const atMs = elapsedMs - age * hourMs;
  const times = { createdAtMs: atMs, lastAccessedAtMs: atMs, lastUsedMs: atMs };
  const base = { id, name: id, ...times, chargedBytes: 100 };
  return { ...base, group: undefined, protected: false, inUse: false, ...extra };
}

function plan(
  snapshots: readonly Held[],
  policy: GcPolicy,
  leftovers: readonly GcLeftover[] = [],
): GcRow[] {
  const inUse = new Set(snapshots.filter((one) => one.inUse).map(({ id }) => id));
  const oldStampMs = elapsedMs - (policy.maxAgeMs ?? 0);
  return [...planCollection({ snapshots, inUse, leftovers, policy, oldStampMs })];
}

function removed(rows: readonly GcRow[]): string[] {
  return rows.filter(({ verdict }) => verdict === "remove").map(({ id }) => id);
}

test("without a policy a collection removes only leftovers", () => {
  const leftover: GcLeftover = { reason: "orphan", id: "x", name: "", chargedBytes: 5 };
  const rows = plan([snapshot("a", 1000)], {}, [leftover]);
  assert.deepEqual(removed(rows), ["x"]);
  assert.deepEqual(rows[0]?.reasons, ["orphan"]);
});

test("expired snapshots go whatever the policy, unless protected, in use, or the time is unknown", () => {
  const nowMs = Date.UTC(2026, 5, 1);
  const snapshots = [
    snapshot("before", 1, { expiresAtMs: nowMs - 1 }),
    snapshot("now", 1, { expiresAtMs: nowMs }),
    snapshot("after", 1, { expiresAtMs: nowMs + 1 }),
    snapshot("never", 1),
    snapshot("safe", 1, { expiresAtMs: 0, protected: true }),
    snapshot("open", 1, { expiresAtMs: 0, inUse: true }),
  ];
  const input = { snapshots, inUse: new Set(["open"]), leftovers: [], oldStampMs: 0 };
  const rows = [...planCollection({ ...input, policy: {}, nowMs })];
  assert.deepEqual(removed(rows), ["before", "now"]);
  assert.deepEqual(
    rows.map(({ id, reasons, verdict }) => [id, reasons.join(), verdict]),
    [
      ["before", "expired", "remove"],
      ["now", "expired", "remove"],
      ["open", "expired", "kept_in_use"],
      ["safe", "expired", "kept_protected"],
    ],
  );
  assert.deepEqual([...planCollection({ ...input, policy: {} })], []);
  const both = [...planCollection({ ...input, policy: { evictAll: true }, nowMs })];
  assert.deepEqual(both.find(({ id }) => id === "now")?.reasons, ["expired", "evict_all"]);
});

test("the record of a snapshot without a directory is kept if it is protected or in use", () => {
  const missing = { reason: "missing_directory", name: "", chargedBytes: 0 } as const;
  const leftovers = [
    { ...missing, id: "gone" },
    { ...missing, id: "open" },
    { ...missing, id: "safe", protected: true },
  ];
  const inUse = new Set(["open"]);
  const store = { snapshots: [], inUse, leftovers };
  const rows = [...planCollection({ ...store, policy: {}, oldStampMs: elapsedMs })];
  assert.deepEqual(
    rows.map(({ id, verdict }) => [id, verdict]),
    [
      ["gone", "remove"],
      ["open", "kept_in_use"],
      ["safe", "kept_protected"],
    ],
  );
});

test("keep_last keeps the newest snapshots for each value of a label", () => {
  const of = (group: string) => ({ group });
  const all = [
    snapshot("a1", 1, of("a")),
    snapshot("a2", 2, of("a")),
    snapshot("a3", 3, of("a")),
    snapshot("b1", 9, of("b")),
    snapshot("none", 10),
    snapshot("none2", 11),
  ];
  assert.deepEqual(removed(plan(all, { keepLast: 2, groupByLabel: "vm" })), ["a3"]);
  assert.deepEqual(removed(plan(all, { keepLast: 1, groupByLabel: "vm" })), ["none2", "a3", "a2"]);
  assert.deepEqual(removed(plan(all, { keepLast: 4 })), ["none2", "none"]);
});

test("max_age follows the last access, and an access in the future is never old", () => {
  const all = [snapshot("old", 25), snapshot("edge", 24), snapshot("future", -1000)];
  assert.deepEqual(removed(plan(all, { maxAgeMs: 24 * hourMs })), ["old"]);
});

test("max_total_bytes skips snapshots that must be kept, and lists them with the reason", () => {
  const all = [
    snapshot("a", 4, { protected: true }),
    snapshot("b", 3, { inUse: true }),
    snapshot("c", 2),
    snapshot("d", 1),
  ];
  const rows = plan(all, { maxTotalBytes: 300 });
  assert.deepEqual(
    rows.map(({ id, verdict }) => [id, verdict]),
    [
      ["a", "kept_protected"],
      ["b", "kept_in_use"],
      ["c", "remove"],
    ],
  );
});

test("the plan names every reason that applies", () => {
  const policy = { keepLast: 1, maxAgeMs: hourMs, maxTotalBytes: 100, evictAll: true };
  const [row] = plan([snapshot("old", 5), snapshot("new", 0)], policy);
  assert.deepEqual(row?.reasons, ["keep_last", "max_age", "max_total_bytes", "evict_all"]);
});

const snapshots = fc
  .uniqueArray(
    fc.record({
      id: fc.string({ minLength: 1, maxLength: 4 }),
      age: fc.integer({ min: -10, max: 100 }),
      accessed: fc.integer({ min: -10, max: 100 }),
      chargedBytes: fc.nat({ max: 1000 }),
      vm: fc.constantFrom("a", "b", undefined),
      protected: fc.boolean(),
      inUse: fc.boolean(),
    }),
    { selector: ({ id }) => id, maxLength: 20 },
  )
  .map((all) =>
    all.map(({ id, age, accessed, vm, ...rest }) => ({
      ...snapshot(id, age, rest),
      lastAccessedAtMs: elapsedMs - accessed * hourMs,
      lastUsedMs: elapsedMs - accessed * hourMs,
      group: vm,
    })),
  );

const policies: fc.Arbitrary<GcPolicy> = fc.record({
  keepLast: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
  maxAgeMs: fc.option(fc.integer({ min: 1, max: 100 * hourMs }), { nil: undefined }),
  maxTotalBytes: fc.option(fc.integer({ min: 1, max: 5000 }), { nil: undefined }),
  evictAll: fc.boolean(),
  groupByLabel: fc.constantFrom("vm", undefined),
});

function survivors(all: readonly Held[], policy: GcPolicy): Set<string> {
  const gone = new Set(removed(plan(all, policy)));
  return new Set(all.map(({ id }) => id).filter((id) => !gone.has(id)));
}

test("the plan never removes a protected or leased snapshot, and equal input gives equal plans", () => {
  fc.assert(
    fc.property(snapshots, policies, (all, policy) => {
      const rows = plan(all, policy);
      const kept = new Set(all.filter((one) => one.protected || one.inUse).map(({ id }) => id));
      assert.ok(removed(rows).every((id) => !kept.has(id)));
      assert.deepEqual(plan([...all].reverse(), policy), rows);
      assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
      assert.ok(rows.every(({ reasons }) => reasons.length > 0));
    }),
    { numRuns: 500 },
  );
});

test("a snapshot survives several criteria exactly if it survives each of them", () => {
  fc.assert(
    fc.property(snapshots, policies, (all, policy) => {
      const { groupByLabel } = policy;
      const each: GcPolicy[] = [
        { keepLast: policy.keepLast, groupByLabel },
        { maxAgeMs: policy.maxAgeMs },
        { maxTotalBytes: policy.maxTotalBytes, groupByLabel },
        { evictAll: policy.evictAll },
      ];
      const expected = all
        .map(({ id }) => id)
        .filter((id) => each.every((one) => survivors(all, one).has(id)));
      assert.deepEqual([...survivors(all, policy)], expected);
    }),
    { numRuns: 500 },
  );
});

test("the plan never evicts more than the criteria require", () => {
  fc.assert(
    fc.property(
      snapshots,
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 10 }),
      (all, maxTotalBytes, keepLast) => {
        const free = all.filter((one) => !one.protected && !one.inUse);
        const last = survivors(all, { keepLast });
        assert.ok(last.size >= Math.min(keepLast, all.length));
        const left = all.filter(({ id }) => survivors(all, { maxTotalBytes }).has(id));
        const bytes = left.reduce((sum, { chargedBytes }) => sum + chargedBytes, 0);
        const goneFree = free.filter((one) => !left.includes(one));
        // The last eviction was necessary. If the total is still above the limit, all remaining
        // snapshots are protected or in use.
        const newest = goneFree.sort(
          (a, b) =>
            b.lastUsedMs - a.lastUsedMs || b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1),
        )[0];
        if (newest !== undefined) assert.ok(bytes + newest.chargedBytes > maxTotalBytes);
        if (bytes > maxTotalBytes) assert.ok(left.every((one) => one.protected || one.inUse));
      },
    ),
    { numRuns: 500 },
  );
});
