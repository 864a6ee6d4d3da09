// Finds what is slow, refused or stuck although the daemon serves, from its metrics over the last
// half minute. The alerts of deploy/ watch the same figures over a longer time.
import { useEffect, useState } from "preact/hooks";
import { fetchJson, fetchMetrics } from "./api.js";
import { age, count } from "./format.js";
import type { Activity } from "./model.js";
import { givenUp } from "./pulls.js";
import { countByPrefix } from "./uploads.js";

export interface Warning {
  readonly title: string;
  readonly text: string;
  /** The entry in the runbook for this warning. */
  readonly entry: string;
  /** True if the view Activity shows the callers or the work that the warning is about. */
  readonly isInActivity?: boolean;
}

interface Sample {
  readonly at: number;
  /** The values of the metrics that `wanted` selects, by the text before the value. */
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

/** Returns the current warnings. Empty for identities that may not see the metrics. */
export function useWarnings(isShown: boolean): readonly Warning[] {
  const [warnings, setWarnings] = useState<readonly Warning[]>([]);
  useEffect(() => {
    if (!isShown) return undefined;
    const controller = new AbortController();
    const samples: Sample[] = [];
    const load = async (): Promise<void> => {
      try {
        const { signal } = controller;
        const [text, activity] = await Promise.all([
          fetchMetrics(signal),
          // The metrics alone give most of the warnings.
          fetchJson<Activity>("activity", signal).catch(() => undefined),
        ]);
        samples.push({ at: Date.now(), values: valuesOf(text) });
        if (samples.length > keptSamples) samples.shift();
        setWarnings(warningsOf(samples, activity));
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

function warningsOf(samples: readonly Sample[], activity: Activity | undefined): Warning[] {
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
    ...refused(last, grown, (last.at - first.at) / 1000, activity),
    ...stuck(last.values.get("stasis_transfer_silence_seconds") ?? 0, activity),
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

function refused(
  last: Sample,
  grown: (name: string) => number,
  seconds: number,
  activity: Activity | undefined,
): Warning[] {
  if (seconds <= 0) return [];
  const name = /^stasis_rpc_refusals_total\{.*\blimit="([^"]+)"/;
  return [...last.values.keys()].flatMap((key) => {
    const [, limit = ""] = name.exec(key) ?? [];
    const rate = grown(key) / seconds;
    if (limit === "" || rate <= refusalsPerSecond) return [];
    const text = `${count(Math.ceil(rate))} calls a second are refused for the limit ${limit}.`;
    return [refusal(limit, text, activity)];
  });
}

/** Titles and entries of the limits on space that all callers share. */
const spaceLimits: Readonly<Record<string, readonly [title: string, entry: string]>> = {
  reserve: ["Uploads are refused: the disk is full.", "StasisDiskFull"],
  max_store: ["Uploads are refused: the store is full.", "StasisQuotaFull"],
};

function refusal(limit: string, text: string, activity: Activity | undefined): Warning {
  const space = spaceLimits[limit];
  if (space !== undefined) return { title: space[0], text, entry: space[1] };
  if (limit === "prefix_quota") {
    const where = `${text} The daemon's log names it.`;
    return { title: "A caller is over its quota.", text: where, entry: "StasisRefusesIdentity" };
  }
  if (!limit.endsWith("_of_this_identity")) {
    return { title: "Callers are refused.", text, entry: "StasisRefusesCallers" };
  }
  return {
    title: "A caller is over its limit.",
    text: `${text}${mostUploads(activity)}`,
    entry: "StasisRefusesIdentity",
    isInActivity: true,
  };
}

/** A caller that is over its limit usually has most of the running uploads. */
function mostUploads(activity: Activity | undefined): string {
  const uploads = activity?.uploads ?? [];
  const [most] = countByPrefix(uploads);
  if (most === undefined) return "";
  const [prefix, times] = most;
  return ` Most of the running uploads are in ${prefix} (${count(times)} of ${count(uploads.length)}).`;
}

function stuck(silence: number, activity: Activity | undefined): Warning[] {
  const about = { entry: "StasisPullStuck", isInActivity: true };
  if (silence >= silentSeconds) {
    const since = age(new Date(Date.now() - silence * 1000).toISOString());
    return [{ title: "A pull is stuck.", text: `It has brought nothing for ${since}.`, ...about }];
  }
  // A retry is silent for a while before it counts as stuck.
  const lost = givenUp(activity?.pulls ?? []);
  const [newest] = lost;
  if (newest?.ended === undefined) return [];
  const { source, ref, ended } = newest;
  const others = lost.length > 1 ? `, as did ${count(lost.length - 1)} before it` : "";
  const text = `${ref} from ${source} ended ${age(ended.at)} ago with ${ended.outcome}${others}.`;
  return [{ title: "A pull was given up.", text, ...about }];
}
