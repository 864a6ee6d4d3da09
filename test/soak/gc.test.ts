// Runs `npm run lab -- soak-gc` briefly, and tests histories that its judge must reject.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createHistory, type History, type Removal } from "./gc-history.js";
import { playGc } from "./gc.js";
import { describeCounts, inSoakDirectory } from "./soak-main.js";

void test("under concurrent collections, no snapshot is removed wrongly and no reader is interrupted", async (t) => {
  const { problems, counts } = await inSoakDirectory("gc", (directory) =>
    playGc({ directory, seed: 1, limitMs: 40_000 }),
  );
  t.diagnostic(describeCounts(counts));
  assert.deepEqual(problems, []);
  const expected = [
    ...["stored", "stored, replacing", "interrupted uploads", "deleted", "protected for a while"],
    ...["exports whole", "restores whole", "directories held open"],
    ...["collections", "dry runs", "cycles of the orchestrator", "collected rows: REMOVED"],
  ];
  for (const what of expected) assert.ok((counts.get(what) ?? 0) > 0, what);
});

const removal: Removal = {
  id: "a",
  reasons: ["KEEP_LAST"],
  policy: { keepLast: 1 },
  plan: { fromMs: 100, toMs: 110 },
  removal: { fromMs: 120, toMs: 130 },
};

/** Returns the violations of a history with `a` and the newer `b`, in which `a` is removed. */
function historyWith(note: (history: History) => void): readonly string[] {
  const history = createHistory();
  ["a", "b"].forEach((id, index) => {
    const call = { fromMs: 10 + index, toMs: 20 + index };
    history.stored({ id, group: "", createdAtMs: call.fromMs, allocatedBytes: 100, call });
  });
  note(history);
  return history.judge(new Map([["b", "name"]]));
}

void test("the judge accepts only removals that the policy covers", () => {
  const judge = (change: Partial<Removal>, note: (history: History) => void = () => undefined) =>
    historyWith((history) => {
      history.removed({ ...removal, ...change });
      note(history);
    });
  assert.deepEqual(judge({}), []);
  assert.match(judge({ policy: { keepLast: 2 } }).join(), /only 1 of its group/);
  const beyondTotal = { reasons: ["MAX_TOTAL_BYTES"] };
  assert.deepEqual(judge({ ...beyondTotal, policy: { maxTotalBytes: 150 } }), []);
  assert.match(judge({ ...beyondTotal, policy: { maxTotalBytes: 200 } }).join(), /200 bytes/);
  const tooOld = { reasons: ["MAX_AGE"], plan: { fromMs: 1000, toMs: 1010 } };
  const policy = { maxAgeMs: 500 };
  assert.deepEqual(judge({ ...tooOld, policy }), []);
  const readAt = (askedMs: number) => (history: History) =>
    history.held({ id: "a", askedMs, fromMs: askedMs + 1, toMs: askedMs + 2 });
  assert.match(judge({ ...tooOld, policy }, readAt(900)).join(), /used 110 ms before/);
  assert.match(judge({ reasons: [] }).join(), /without a reason/);
  assert.match(judge({}, readAt(113)).join(), /read since the plan/);
  const held = { id: "a", askedMs: 50, fromMs: 60, toMs: 200 };
  assert.match(judge({}, (history) => history.held(held)).join(), /while somebody read it/);
  const span = { fromMs: 60, toMs: 200 };
  assert.match(judge({}, (history) => history.protected("a", span)).join(), /while protected/);
});

void test("the judge reports missing and unknown snapshots", () => {
  assert.match(historyWith(() => undefined).join(), /a: gone, and nobody removed it/);
  assert.deepEqual(
    historyWith((history) => history.givenUp("a", 50)),
    [],
  );
  const more = historyWith((history) => {
    history.removed(removal);
    history.removed({ ...removal, id: "b" });
  });
  assert.match(more.join(), /b: reported as removed, and still there/);
  const unknown = createHistory().judge(new Map([["c", "name"]]));
  assert.match(unknown.join(), /c: listed, though no call/);
});
