// Records when each alert began and ended.
import { setTimeout as pause } from "node:timers/promises";
import type { Prometheus } from "../observe/prometheus.js";

export interface Timeline extends AsyncDisposable {
  /** Returns one line for each change, with the seconds since `from` (performance.now()). */
  lines(from: number): string[];
  /** Returns the names of the alerts that are firing. */
  firing(): ReadonlySet<string>;
}

interface Change {
  readonly atMs: number;
  readonly text: string;
}

const intervalMs = 500;

export function followAlerts(prometheus: Prometheus): Timeline {
  const ending = new AbortController();
  const { signal } = ending;
  const changes: Change[] = [];
  let before = new Map<string, string>();
  let firing: ReadonlySet<string> = new Set();
  const look = async (): Promise<void> => {
    const alerts = await prometheus.alerts();
    const now = new Map(
      alerts.map(({ labels, state }) => [`${labels["alertname"]} of ${labels["instance"]}`, state]),
    );
    const atMs = performance.now();
    for (const [alert, state] of now) {
      if (before.get(alert) !== state) changes.push({ atMs, text: `${alert} is ${state}` });
    }
    for (const alert of before.keys()) {
      if (!now.has(alert)) changes.push({ atMs, text: `${alert} has ended` });
    }
    before = now;
    firing = new Set(
      alerts.flatMap(({ state, labels }) =>
        state === "firing" ? (labels["alertname"] ?? []) : [],
      ),
    );
  };
  const following = (async () => {
    while (!signal.aborted) {
      await look().catch(() => undefined);
      await pause(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    lines: (from) =>
      changes.map(
        ({ atMs, text }) => `${((atMs - from) / 1000).toFixed(0).padStart(6)} s  ${text}`,
      ),
    firing: () => firing,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await following;
    },
  };
}
