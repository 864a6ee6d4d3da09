// Prints the states that were played and their findings as a table for people.
import Table from "cli-table3";
import type { StateResult } from "./state.js";

interface Row {
  states: number;
  missed: number;
  problems: number;
}

export interface Report {
  readonly add: (result: StateResult) => void;
  /** Returns the number of states that were reached. */
  states(): number;
  /** Returns the number of reached states of one kind. */
  reached(kind: string): number;
  failures(): readonly StateResult[];
  table(): string;
  /**
   * Returns a table of the system calls of each scenario: the number of calls, the number of
   * injected faults, and the results.
   */
  everyTable(): string;
  /** Returns how often each allowed outcome occurred, for states with several. */
  outcomes(): string;
}

export function createReport(): Report {
  const rows = new Map<string, Row>();
  const failures: StateResult[] = [];
  const calls = new Map<string, StateResult[]>();
  const outcomes = new Map<string, number>();
  return {
    add(result) {
      if (result.outcome !== undefined && result.call === undefined) {
        const outcome = `${result.kind}: ${result.outcome}`;
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
      const key = `${result.kind}\0${result.scenario}`;
      const row = rows.get(key) ?? { states: 0, missed: 0, problems: 0 };
      rows.set(key, row);
      if (result.call !== undefined) {
        const callKey = `${result.scenario}\0${result.call}`;
        calls.set(callKey, [...(calls.get(callKey) ?? []), result]);
      }
      if (result.reached) row.states += 1;
      else row.missed += 1;
      if (result.problems.length === 0) return;
      row.problems += 1;
      failures.push(result);
    },
    states: () => [...rows.values()].reduce((sum, { states }) => sum + states, 0),
    reached: (kind) =>
      [...rows].reduce(
        (sum, [key, { states }]) => sum + (key.startsWith(`${kind}\0`) ? states : 0),
        0,
      ),
    failures: () => failures,
    everyTable: () => everyTable(calls),
    outcomes: () => [...outcomes].map(([text, count]) => `${text}: ${count} times\n`).join(""),
    table() {
      const table = new Table({ head: ["kind", "scenario", "states", "not reached", "problems"] });
      const total: Row = { states: 0, missed: 0, problems: 0 };
      for (const [key, { states, missed, problems }] of [...rows].sort()) {
        const [kind = "", scenario = ""] = key.split("\0");
        table.push([kind, scenario, states, missed, problems]);
        total.states += states;
        total.missed += missed;
        total.problems += problems;
      }
      table.push(["all", "", total.states, total.missed, total.problems]);
      return table.toString();
    },
  };
}

function everyTable(calls: ReadonlyMap<string, readonly StateResult[]>): string {
  const head = ["scenario", "call", "states", "reached", "what came of it", "problems"];
  const table = new Table({ head });
  for (const [key, results] of [...calls].sort()) {
    const [scenario = "", call = ""] = key.split("\0");
    const reached = results.filter((result) => result.reached);
    const outcomes = new Map<string, number>();
    for (const { outcome = "?" } of reached) {
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    const texts = [...outcomes].sort().map(([outcome, count]) => `${outcome}: ${count}`);
    const problems = results.filter((result) => result.problems.length > 0).length;
    table.push([scenario, call, results.length, reached.length, texts.join("\n"), problems]);
  }
  return table.toString();
}

/** Returns the command that repeats one state. */
export function repeatCommand({ state, recording }: StateResult, seed: number): string {
  const from = recording === undefined ? `--seed ${seed}` : `--recording ${recording}`;
  return `npm run lab -- crash ${from} --state ${state}`;
}

export function failureText(result: StateResult, seed: number): string {
  const problems = result.problems.map((text) => `  ${text.replaceAll("\n", "\n  ")}`).join("\n");
  return `${result.state}\n${problems}\n  again: ${repeatCommand(result, seed)}\n`;
}
