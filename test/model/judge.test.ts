// Tests the model with impossible histories. The model must find the error in each of them, and
// must accept a similar history that is possible.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call, Collected, Done, Outcome, Seen, Standing } from "./history.js";
import { judgeRound } from "./judge.js";

const names = ["a", "b"];
const digests = ["digest-0", "digest-1"];

interface Scene {
  readonly before?: readonly Seen[];
}

function snapshot(tag: string, name: string, changes: Partial<Seen> = {}): Seen {
  const id = `id-of-${tag}`;
  const digest = digests[0] ?? "";
  return { id, name, tag, description: tag, protected: false, digest, ...changes };
}

function call(
  tag: string,
  done: Done,
  [beginsAt, endsAt]: readonly [number, number],
  outcome: Outcome,
  more: Partial<Call> = {},
): Call {
  return { tag, done, beginsAt, seenAt: endsAt, endsAt, outcome, problems: [], ...more };
}

const ok = (...seen: Seen[]): Outcome => ({ kind: "ok", seen });
const refused = (reason: string, holder?: { id: string; pending: boolean }): Outcome =>
  holder === undefined ? { kind: "refused", reason } : { kind: "refused", reason, holder };
const unknown: Outcome = { kind: "unknown", reason: "DAEMON_UNREACHABLE" };

function create(name: string, replace = false): Done {
  return { kind: "create", name, content: 0, replace, protect: false, cut: false };
}

const inspect = (name: string): Done => ({ kind: "inspect", name, byId: false });
const list = (pageSize = 1000): Done => ({ kind: "list", prefix: "", pageSize });
const remove = (...refs: string[]): Done => ({ kind: "delete", names: refs, allowMissing: false });
const removed = (...ids: string[]): Outcome => ({ kind: "ok", seen: [], removed: ids });
const rename = (name: string, to: string): Done => ({ kind: "rename", name, to });
const collect = (evictAll: boolean): Done => ({
  kind: "gc",
  keepLast: undefined,
  evictAll,
  dryRun: false,
});

function judge(calls: readonly Call[], { before = [] }: Scene = {}): string[] {
  const standing: Standing = new Map(before.map((each) => [each.name, { ...each, content: 0 }]));
  const ids = new Map(before.map(({ tag, id }) => [tag, id]));
  const tags = new Map(before.map(({ tag, id }) => [id, tag]));
  const facts = { before: standing, names, calls, tags };
  return judgeRound({ ...facts, digests, ids });
}

function fits(what: string, calls: readonly Call[], scene?: Scene): void {
  assert.deepEqual(judge(calls, scene), [], what);
}

function fails(what: string, problem: RegExp, calls: readonly Call[], scene?: Scene): void {
  assert.match(judge(calls, scene).join("\n"), problem, what);
}

const x = snapshot("x", "a");

void test("an acknowledged snapshot is visible to later calls", () => {
  const made = call("x", create("a"), [1, 4], ok(x));
  fits("found", [made, call("i", inspect("a"), [5, 6], ok(x))]);
  fits("not found yet", [made, call("i", inspect("a"), [2, 3], refused("SNAPSHOT_NOT_FOUND"))]);
  const missed = call("i", inspect("a"), [5, 6], refused("SNAPSHOT_NOT_FOUND"));
  fails("lost", /found a free/, [made, missed]);
  fails("not listed", /found a free/, [made, call("l", list(), [5, 6], ok())]);
});

void test("deleted snapshots stay deleted, and refused snapshots never appear", () => {
  const gone = call("d", remove("a"), [1, 2], removed(x.id));
  const late = call("i", inspect("a"), [3, 4], ok(x));
  fails("deleted", /gone before/, [gone, late], { before: [x] });
  fits("deleted meanwhile", [gone, call("i", inspect("a"), [0, 4], ok(x))], { before: [x] });
  fails("deleted twice", /twice/, [gone, call("e", remove("a"), [3, 4], removed(x.id))], {
    before: [x],
  });
  const broken = call("x", create("a"), [1, 2], refused("BROKEN_OFF"));
  fails("half-made", /nobody has stored/, [broken, late]);
});

void test("a call without an answer may have happened, but not before it began", () => {
  const lost = call("x", create("a"), [3, 4], unknown);
  fits("it did", [lost, call("l", list(), [9, 10], ok(x))]);
  fits("it did not", [lost, call("l", list(), [9, 10], ok())]);
  fails("too early", /gone before/, [lost, call("l", list(), [1, 2], ok(x))]);
  const deletion = call("d", remove("a"), [3, 4], unknown);
  fits("deleted", [deletion, call("l", list(), [9, 10], ok())], { before: [x] });
  fits("not deleted", [deletion, call("l", list(), [9, 10], ok(x))], { before: [x] });
  const other = snapshot("y", "b");
  fails("another one", /found b free/, [deletion, call("l", list(), [9, 10], ok())], {
    before: [x, other],
  });
});

void test("a name has exactly one holder", () => {
  const made = call("x", create("a"), [1, 4], ok(x));
  const second = call("y", create("a"), [2, 5], ok(snapshot("y", "a")));
  fails("two winners one after the other", /found a free/, [
    made,
    call("y", create("a"), [6, 7], ok(snapshot("y", "a"))),
  ]);
  fails("two in a list", /under a name/, [
    made,
    call("l", list(), [8, 9], ok(x, snapshot("y", "b"))),
    second,
  ]);
  const told = refused("SNAPSHOT_NAME_TAKEN", { id: x.id, pending: false });
  fits("refused", [made, call("y", create("a"), [5, 6], told)]);
  const running = refused("SNAPSHOT_NAME_TAKEN", { id: x.id, pending: true });
  fits("refused meanwhile", [made, call("y", create("a"), [2, 3], running)]);
  fails("refused for nothing", /says that an upload/, [
    made,
    call("y", create("b"), [5, 6], running),
  ]);
});

void test("a replacement is one atomic step, and so is a rename", () => {
  const y = snapshot("y", "a");
  const replaced = call("y", create("a", true), [1, 4], ok(y));
  const none = refused("SNAPSHOT_NOT_FOUND");
  fails("nothing in between", /found a free/, [replaced, call("i", inspect("a"), [2, 3], none)], {
    before: [x],
  });
  fails(
    "the old one after it",
    /under a name/,
    [replaced, call("i", inspect("a"), [5, 6], ok(x))],
    {
      before: [x],
    },
  );
  const renamed = call("r", rename("a", "b"), [1, 2], ok({ ...x, name: "b" }));
  fails("two places", /as x|under a name/, [renamed, call("l", list(), [3, 4], ok(x))], {
    before: [x],
  });
  fits("moved", [renamed, call("l", list(), [3, 4], ok({ ...x, name: "b" }))], { before: [x] });
});

void test("descriptions, protection, data and ids have the written values", () => {
  const wrong = (changes: Partial<Seen>): Call[] => [
    call("i", inspect("a"), [1, 2], ok({ ...x, ...changes })),
  ];
  fails("description", /description/, wrong({ description: "other" }), { before: [x] });
  fails("protection", /protected/, wrong({ protected: true }), { before: [x] });
  fails("data", /other data/, wrong({ digest: "digest-1" }), { before: [x] });
  fails("id", /stored as/, wrong({ id: "other" }), { before: [x] });
});

void test("a repeated request returns the first outcome", () => {
  const made = call("x", create("a"), [1, 2], ok(x));
  const again = { repeats: "x" };
  fits("the same", [made, call("z", create("a"), [3, 4], ok(x), again)]);
  const anew = ok({ ...x, id: "another" });
  fails("made twice", /stored as/, [made, call("z", create("a"), [3, 4], anew, again)]);
  const gone = refused("SNAPSHOT_NOT_FOUND");
  fails("forgotten", /has gone/, [made, call("z", create("a"), [3, 4], gone, again)]);
});

void test("a collection reports the snapshots that it removed", () => {
  const row = (outcome: Collected["outcome"]): Outcome => ({
    kind: "ok",
    seen: [],
    collected: [{ id: x.id, name: "a", outcome, leftover: false }],
  });
  const guarded = { ...x, protected: true };
  const gc = (outcome: Outcome): Call => call("g", collect(true), [1, 2], outcome);
  fits("removed", [gc(row("removed")), call("l", list(), [3, 4], ok())], { before: [x] });
  const back = [gc(row("removed")), call("l", list(), [3, 4], ok(x))];
  fails("removed and there", /gone before/, back, { before: [x] });
  fails("protected", /protected was true/, [gc(row("removed"))], { before: [guarded] });
  fails("skipped", /skips the snapshot/, [gc({ kind: "ok", seen: [], collected: [] })], {
    before: [x],
  });
});
