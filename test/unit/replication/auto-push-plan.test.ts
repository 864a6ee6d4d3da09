// Tests which copies stay at a remote, and what an automatic push has to do.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { keptOf } from "../../../src/model/keep.js";
import type { RemoteCopy } from "../../../src/model/remote-copy.js";
import { planAutoPush } from "../../../src/replication/auto-push-plan.js";
import type { Selected } from "../../../src/replication/auto-push-selection.js";

const hourMs = 3_600_000;

function selected(snapshotId: string, hours: number, lineage = "vm one"): Selected {
  return { snapshotId, name: `prod/${snapshotId}`, lineage, createdAtMs: hours * hourMs };
}

function copy(id: string, hours: number, state: RemoteCopy["state"] = "pushed"): RemoteCopy {
  return { ...selected(id, hours), repository: "r", remoteId: `remote-${id}`, state };
}

test("the newest stay, and the newest of each of the latest days", () => {
  const items = [1, 5, 23, 25, 49, 50, 140].map((hours) => {
    return { id: `h${hours}`, createdAtMs: hours * hourMs };
  });
  const kept = (policy: Parameters<typeof keptOf>[1]) => [...keptOf(items, policy)].sort();
  assert.deepEqual(kept({ last: 2 }), ["h140", "h50"]);
  assert.deepEqual(kept({ daily: 3 }), ["h140", "h25", "h50"]);
  assert.deepEqual(kept({ last: 3, daily: 3 }), ["h140", "h25", "h49", "h50"]);
  assert.deepEqual(kept({ daily: 99 }), ["h140", "h23", "h25", "h50"]);
});

test("what is not kept among some snapshots is not kept among more", () => {
  const item = fc.record({ id: fc.uuid(), createdAtMs: fc.nat(20 * 24 * hourMs) });
  const policy = fc.record({ last: fc.nat(5), daily: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(item), fc.array(item), policy, (some, others, keep) => {
      const few = keptOf(some, keep);
      const many = keptOf([...some, ...others], keep);
      for (const { id } of some) assert.ok(few.has(id) || !many.has(id));
    }),
  );
});

test("without a policy everything is pushed, the oldest first, and nothing is removed", () => {
  const here = [selected("c", 3), selected("a", 1), selected("b", 2)];
  const { pending, surplus } = planAutoPush(here, [copy("b", 2), copy("z", 0)], undefined);
  assert.deepEqual(
    pending.map(({ snapshotId }) => snapshotId),
    ["a", "c"],
  );
  assert.deepEqual(surplus, []);
});

test("old snapshots are not pushed, and nothing is removed before the new one is there", () => {
  const here = [selected("a", 1), selected("b", 2), selected("c", 3), selected("x", 0, "vm two")];
  const first = planAutoPush(here, [], { last: 1 });
  assert.deepEqual(
    first.pending.map(({ snapshotId }) => snapshotId),
    ["x", "c"],
  );
  const second = planAutoPush(here, [copy("a", 1), copy("c", 3, "begun")], { last: 1 });
  assert.deepEqual(
    second.pending.map(({ snapshotId }) => snapshotId),
    ["x", "c"],
  );
  assert.deepEqual(second.surplus, []);
  const third = planAutoPush(here, [copy("a", 1), copy("c", 3), copy("b", 2, "found")], {
    last: 1,
  });
  assert.deepEqual(
    third.surplus.map(({ remoteId }) => remoteId),
    ["remote-a"],
  );
  assert.deepEqual(
    third.pending.map(({ snapshotId }) => snapshotId),
    ["x"],
  );
});
