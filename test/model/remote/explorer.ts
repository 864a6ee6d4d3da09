// Explores every interleaving of a few processes, breadth first, and reports how a wrong state is
// reached.
//
// The processes share one value and communicate only through it. The moves of a process depend only
// on its local value and on the shared value, so the moves are computed once for each such pair.
// Local and shared values are numbered, and a state is a row of those numbers. A table stores the
// rows themselves and not their hashes, so two states are never confused.
import { Numbering } from "./numbering.js";
import { StateTable } from "./state-table.js";

/** One step of a process: its name in a trace, and both values after the step. */
export interface Move<Shared> {
  readonly words: string;
  readonly local: unknown;
  readonly shared: Shared;
}

/** Values must be JSON, and equal values must have equal JSON texts. */
export interface Process<Shared> {
  readonly name: string;
  readonly start: unknown;
  /** Returns every step that the process may take next. A process without moves has ended. */
  readonly moves: (local: unknown, shared: Shared) => readonly Move<Shared>[];
}

export interface System<Shared> {
  readonly start: Shared;
  readonly processes: readonly Process<Shared>[];
  /** Returns what is wrong with a shared value, or undefined. */
  readonly wrong: (shared: Shared) => string | undefined;
  /**
   * Conditions that at least one run must reach. Without goals, processes that always give up would
   * violate no rule.
   */
  readonly goals: ReadonlyMap<string, (shared: Shared) => boolean>;
}

export interface Bounds {
  /** After this many states the exploration ends, and the result has `unfinished`. */
  readonly maxStates: number;
  /**
   * After this much CPU time of the process, in milliseconds, the exploration ends, and the result
   * has `unfinished`.
   */
  readonly maxCpuMs: number;
}

export interface Violation {
  readonly wrong: string;
  /** The shortest run that leads to the violation, with one line for each step. */
  readonly trace: readonly string[];
}

export interface Exploration {
  readonly states: number;
  /** The number of different shared values. */
  readonly shared: number;
  readonly cpuMs: number;
  readonly violation: Violation | undefined;
  /** Goals that no run has reached. */
  readonly missed: readonly string[];
  /** The reason why the exploration ended early, or undefined. */
  readonly unfinished: string | undefined;
}

export function explore<Shared>(system: System<Shared>, bounds: Bounds): Exploration {
  const began = process.cpuUsage();
  const cpuMs = () => {
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1000;
  };
  const search = new Search(system);
  let unfinished: string | undefined;
  while (search.violation === undefined && search.step()) {
    if (search.states > bounds.maxStates) unfinished = `more than ${bounds.maxStates} states`;
    else if (search.expanded % 4096 === 0 && cpuMs() > bounds.maxCpuMs) {
      unfinished = `more than ${bounds.maxCpuMs / 1000} s of CPU time`;
    }
    if (unfinished !== undefined) break;
  }
  const { states, shared, violation } = search;
  return { states, shared, cpuMs: cpuMs(), violation, missed: search.missed, unfinished };
}

/**
 * Runs the search. A state is a row: the number of the shared value, then one number for each
 * process.
 */
class Search<Shared> {
  expanded = 0;
  violation: Violation | undefined;
  readonly #system: System<Shared>;
  readonly #missed: Map<string, (shared: Shared) => boolean>;
  readonly #shared = new Numbering<Shared>();
  readonly #processes: readonly ProcessMoves<Shared>[];
  readonly #table: StateTable;
  /** The shared values that violate nothing. Each value is judged once. */
  readonly #judged = new Set<number>();
  readonly #row: Int32Array;
  readonly #next: Int32Array;

  constructor(system: System<Shared>) {
    this.#system = system;
    this.#missed = new Map(system.goals);
    this.#processes = system.processes.map((each) => new ProcessMoves(each, this.#shared));
    const width = 1 + system.processes.length;
    this.#table = new StateTable(width);
    this.#row = new Int32Array(width);
    this.#next = new Int32Array(width);
    this.#next[0] = this.#shared.of(system.start);
    this.#processes.forEach(({ start }, index) => (this.#next[index + 1] = start));
    this.#enter(-1);
  }

  get states(): number {
    return this.#table.count;
  }

  get missed(): string[] {
    return [...this.#missed.keys()];
  }

  get shared(): number {
    return this.#shared.count;
  }

  /** Enters the successors of one state. Returns false after every state has been expanded. */
  step(): boolean {
    if (this.expanded === this.#table.count) return false;
    const from = this.expanded;
    this.expanded += 1;
    this.#table.read(from, this.#row);
    const shared = this.#row[0] as number;
    for (let index = 0; index < this.#processes.length; index += 1) {
      const moves = (this.#processes[index] as ProcessMoves<Shared>).of(
        this.#row[index + 1] as number,
        shared,
      );
      for (let at = 0; at < moves.length; at += 2) {
        this.#next.set(this.#row);
        this.#next[index + 1] = moves[at] as number;
        this.#next[0] = moves[at + 1] as number;
        this.#enter(from);
        if (this.violation !== undefined) return true;
      }
    }
    return true;
  }

  #enter(from: number): void {
    const state = this.#table.enter(this.#next, from);
    const shared = this.#next[0] as number;
    if (state === undefined || this.#judged.has(shared)) return;
    this.#judged.add(shared);
    const value = this.#shared.value(shared);
    for (const [name, isReached] of this.#missed) if (isReached(value)) this.#missed.delete(name);
    const wrong = this.#system.wrong(value);
    if (wrong !== undefined) this.violation = { wrong, trace: this.#traceTo(state) };
  }

  #traceTo(state: number): string[] {
    const states = [state];
    for (let at = this.#table.parent(state); at >= 0; at = this.#table.parent(at)) states.push(at);
    states.reverse();
    const rows = states.map((each) => this.#table.read(each, new Int32Array(this.#row.length)));
    return rows.slice(1).map((row, index) => this.#wordsOf(rows[index] as Int32Array, row));
  }

  #wordsOf(before: Int32Array, after: Int32Array): string {
    const shared = this.#shared.value(before[0] as number);
    for (const [index, each] of this.#processes.entries()) {
      if (before.some((value, at) => at !== 0 && at !== index + 1 && value !== after[at])) continue;
      const words = each.wordsOf(before[index + 1] as number, shared, {
        local: after[index + 1] as number,
        shared: after[0] as number,
      });
      if (words !== undefined) return `${each.name}: ${words}`;
    }
    throw new Error("no process leads from this state to its successor");
  }
}

/**
 * Computes the moves of one process, once for each pair of values. A move is two numbers: the local
 * value and the shared value after it.
 */
class ProcessMoves<Shared> {
  readonly start: number;
  readonly #process: Process<Shared>;
  readonly #shared: Numbering<Shared>;
  readonly #locals = new Numbering<unknown>();
  /** The computed moves, by local value and then by shared value. */
  readonly #known: Map<number, readonly number[]>[] = [];

  constructor(process: Process<Shared>, shared: Numbering<Shared>) {
    this.#process = process;
    this.#shared = shared;
    this.start = this.#locals.of(process.start);
  }

  get name(): string {
    return this.#process.name;
  }

  of(local: number, shared: number): readonly number[] {
    const known = (this.#known[local] ??= new Map<number, readonly number[]>());
    let moves = known.get(shared);
    if (moves === undefined) {
      const found = this.#process.moves(this.#locals.value(local), this.#shared.value(shared));
      moves = found.flatMap((move) => [this.#locals.of(move.local), this.#shared.of(move.shared)]);
      known.set(shared, moves.length === 0 ? noMoves : moves);
    }
    return moves;
  }

  wordsOf(
    local: number,
    shared: Shared,
    after: { readonly local: number; readonly shared: number },
  ): string | undefined {
    return this.#process
      .moves(this.#locals.value(local), shared)
      .find(
        (move) =>
          this.#locals.of(move.local) === after.local &&
          this.#shared.of(move.shared) === after.shared,
      )?.words;
  }
}

const noMoves: readonly number[] = [];
