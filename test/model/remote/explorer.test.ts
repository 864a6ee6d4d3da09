// Tests the explorer: it finds every state once, finds the shortest run to a violation, and
// respects its bounds.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { explore, type Process, type System } from "./explorer.js";
import { StateTable } from "./state-table.js";

const bounds = { maxStates: 10_000, maxCpuMs: 60_000 };

/**
 * Returns a process that adds 1 to the shared number `times` times. Each addition takes two steps,
 * so additions may be lost.
 */
function adder(name: string, times: number): Process<number> {
  return {
    name,
    start: { left: times, read: -1 },
    moves: (local, shared) => {
      const { left, read } = local as { left: number; read: number };
      if (left === 0) return [];
      if (read < 0) return [{ words: `reads ${shared}`, local: { left, read: shared }, shared }];
      const words = `writes ${read + 1}`;
      return [{ words, local: { left: left - 1, read: -1 }, shared: read + 1 }];
    },
  };
}

function system(times: readonly number[], change: Partial<System<number>> = {}): System<number> {
  const processes = times.map((each, index) => adder(`A${index}`, each));
  return { start: 0, processes, wrong: () => undefined, goals: new Map(), ...change };
}

void test("a single process has one state for each step", () => {
  const { states, violation, unfinished } = explore(system([5]), bounds);
  assert.deepEqual(
    { states, violation, unfinished },
    { states: 11, violation: undefined, unfinished: undefined },
  );
});

/** Counts the states by a recursion over every run. */
function statesByRecursion({ start, processes }: System<number>): number {
  const seen = new Set<string>();
  const visit = (shared: number, locals: readonly unknown[]) => {
    const state = JSON.stringify([shared, locals]);
    if (seen.has(state)) return;
    seen.add(state);
    processes.forEach((process, index) => {
      for (const move of process.moves(locals[index], shared)) {
        visit(move.shared, locals.with(index, move.local));
      }
    });
  };
  visit(
    start,
    processes.map((process) => process.start),
  );
  return seen.size;
}

void test("the explorer finds as many states as a recursion that stores each state as text", () => {
  for (const times of [
    [1, 1],
    [2, 3],
    [2, 2, 2],
    [3, 2, 1],
  ]) {
    assert.equal(explore(system(times), bounds).states, statesByRecursion(system(times)));
  }
});

void test("a violation is reported with a shortest run that leads to it", () => {
  const { violation } = explore(
    system([2, 2], { wrong: (shared) => (shared === 3 ? "three" : undefined) }),
    bounds,
  );
  assert.equal(violation?.wrong, "three");
  assert.equal(violation.trace.length, 6, "three additions of two steps");
  assert.match(violation.trace.at(-1) ?? "", /^A[01]: writes 3$/);
});

void test("a goal that no run reaches is reported, and other goals are not", () => {
  const goals = new Map<string, (shared: number) => boolean>([
    ["four", (shared: number) => shared === 4],
    ["five", (shared: number) => shared === 5],
  ]);
  assert.deepEqual(explore(system([2, 2], { goals }), bounds).missed, ["five"]);
});

void test("too many states end the exploration, and the result gives that reason", () => {
  const { states, unfinished } = explore(system([20, 20, 20]), { ...bounds, maxStates: 500 });
  assert.match(unfinished ?? "", /more than 500 states/);
  assert.ok(states < 600, `${states} states`);
});

void test("the time bound ends an exploration", () => {
  const { unfinished } = explore(system([90, 90, 90]), { maxStates: 5_000_000, maxCpuMs: 1 });
  assert.match(unfinished ?? "", /s of CPU time/);
});

void test("the table of states is a set of rows that also stores the parent of each row", () => {
  const row = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 4000 }), (rows) => {
      const table = new StateTable(3);
      const known = new Map<string, number>();
      for (const [index, each] of rows.entries()) {
        const number = table.enter(Int32Array.from(each), index);
        assert.equal(number, known.has(each.join()) ? undefined : known.size);
        if (number !== undefined) known.set(each.join(), index);
      }
      assert.equal(table.count, known.size);
      [...known].forEach(([text, parent], number) => {
        assert.equal(table.read(number, new Int32Array(3)).join(), text);
        assert.equal(table.parent(number), parent);
      });
    }),
    { numRuns: 30 },
  );
});
