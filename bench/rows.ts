// Converts the times of cases to rows of the report.
import { median, ratio, type Outcome } from "./alternate.js";
import type { Row } from "./report.js";
import { gib, mib } from "./scene.js";

/** A ratio of rates, with its goal. */
export interface Goal {
  readonly subject: string;
  readonly peer: string;
  readonly must?: number;
  readonly aim?: number;
}

export function rates(group: string, outcomes: readonly Outcome[]): Row[] {
  return outcomes.map(({ name, bytes, times }) => {
    const rate = times.map((time) => bytes / mib / (time / 1000));
    const [low, high] = [Math.min(...rate), Math.max(...rate)];
    return { group, name, unit: "MiB/s", value: median(rate), low, high };
  });
}

export function ratios(group: string, outcomes: readonly Outcome[], goals: readonly Goal[]): Row[] {
  const of = (name: string): Outcome => {
    const found = outcomes.find((outcome) => outcome.name === name);
    if (found === undefined) throw new Error(`no case ${name}`);
    return found;
  };
  return goals.map(({ subject, peer, must, aim }) => {
    const { median: value, low, high } = ratio(of(peer), of(subject));
    return { group, name: `${subject} ÷ ${peer}`, unit: "ratio", value, low, high, must, aim };
  });
}

export function memoryRow(name: string, bytes: number): Row {
  return {
    group: "Memory",
    name,
    unit: "MiB",
    value: bytes / mib,
    must: 300,
    aim: 200,
    atMost: true,
  };
}

/** CPU time shows the amount of work on a shared machine, which a rate on two cores can hide. */
export function cpuPerGib(group: string, outcomes: readonly Outcome[]): Row[] {
  return outcomes.map(({ name, bytes, cpuSeconds }) => {
    const each = cpuSeconds.map((seconds) => (seconds * gib) / bytes);
    const [low, high] = [Math.min(...each), Math.max(...each)];
    return { group, name, unit: "s/GiB", value: median(each), low, high };
  });
}

export function millisecondRows(group: string, outcomes: readonly Outcome[]): Row[] {
  return outcomes.map(({ name, times }) => {
    const [low, high] = [Math.min(...times), Math.max(...times)];
    return { group, name, unit: "ms", value: median(times), low, high };
  });
}
