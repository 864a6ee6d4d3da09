// What is slow, refused or stuck although the daemon serves: from its metrics, over the last half
// minute. The alerts of deploy/ look at the same figures, for longer.
import { useEffect, useState } from "preact/hooks";
import { fetchMetrics } from "./api.js";
import { age, count } from "./format.js";

export interface Warning {
  readonly title: string;
  readonly text: string;
  /** Its entry in the runbook. */
  readonly entry: string;
}

interface Sample {
  readonly at: number;
  /** Sums and counts of histograms, and counters, by the text before the value. */
  readonly values: ReadonlyMap<string, number>;
}

const everyMs = 5000;
const keptSamples = 7;

const slowCommitSeconds = 0.25;
const blockedSeconds = 0.25;
const refusalsPerSecond = 0.1;
const silentSeconds = 15;

const wanted =
  /^(stasis_(?:catalog_commit|event_loop_lag)_seconds_(?:sum|count)|stasis_rpc_refusals_total\{[^}]*\}|stasis_transfer_silence_seconds) (\S+)$/gm;

/** None for identities to whom the metrics are not shown. */
export function useWarnings(isShown: boolean): readonly Warning[] {
  const [warnings, setWarnings] = useState<readonly Warning[]>([]);
  useEffect(() => {
    if (!isShown) return undefined;
    const controller = new AbortController();
    const samples: Sample[] = [];
    const load = async (): Promise<void> => {
      try {
        const text = await fetchMetrics(controller.signal);
        samples.push({ at: Date.now(), values: valuesOf(text) });
        if (samples.length > keptSamples) samples.shift();
        setWarnings(warningsOf(samples));
      } catch {
        // The header says that the daemon cannot be reached.
      }
    };
    void load();
    const timer = setInterval(() => void load(), everyMs);
    return () => {
      controller.abort();
      clearInterval(timer);
    };
  }, [isShown]);
  return warnings;
}

function valuesOf(text: string): Map<string, number> {
  return new Map([...text.matchAll(wanted)].map(([, name = "", value]) => [name, Number(value)]));
}

function warningsOf(samples: readonly Sample[]): Warning[] {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return [];
  /** A daemon that was started again counts from 0. */
  const grown = (name: string): number =>
    Math.max(0, (last.values.get(name) ?? 0) - (first.values.get(name) ?? 0));
  const mean = (histogram: string): number => {
    const times = grown(`${histogram}_count`);
    return times === 0 ? 0 : grown(`${histogram}_sum`) / times;
  };
  return [
    ...slow(mean("stasis_catalog_commit_seconds"), mean("stasis_event_loop_lag_seconds")),
    ...refused(last, grown, (last.at - first.at) / 1000),
    ...stuck(last.values.get("stasis_transfer_silence_seconds") ?? 0),
  ];
}

function slow(commitSeconds: number, lagSeconds: number): Warning[] {
  if (commitSeconds > slowCommitSeconds) {
    return [
      {
        title: "The disk is slow.",
        text: `A commit of the catalog takes ${commitSeconds.toFixed(2)} s, and other calls wait for it.`,
        entry: "StasisSlowCommits",
      },
    ];
  }
  if (lagSeconds <= blockedSeconds) return [];
  const text = `Each call waits ${lagSeconds.toFixed(2)} s for others.`;
  return [{ title: "The daemon is busy.", text, entry: "StasisEventLoopBlocked" }];
}

function refused(last: Sample, grown: (name: string) => number, seconds: number): Warning[] {
  if (seconds <= 0) return [];
  const name = /^stasis_rpc_refusals_total\{.*\blimit="([^"]+)"/;
  return [...last.values.keys()].flatMap((key) => {
    const [, limit = ""] = name.exec(key) ?? [];
    const rate = grown(key) / seconds;
    if (limit === "" || rate <= refusalsPerSecond) return [];
    const ofOne = /_of_this_identity$|^prefix_quota$/.test(limit);
    return [
      {
        title: ofOne ? "A caller is over its limit." : "Callers are refused.",
        text: `${count(Math.ceil(rate))} calls a second are refused for the limit ${limit}.`,
        entry: ofOne ? "StasisRefusesIdentity" : "StasisRefusesCallers",
      },
    ];
  });
}

function stuck(silence: number): Warning[] {
  if (silence < silentSeconds) return [];
  const since = age(new Date(Date.now() - silence * 1000).toISOString());
  const text = `It has brought nothing for ${since}.`;
  return [{ title: "A pull is stuck.", text, entry: "StasisPullStuck" }];
}
