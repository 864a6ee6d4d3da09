// Keeps the automatic pushes of a node as the configuration file says, which may change at any
// time.
import { isDeepStrictEqual } from "node:util";
import type { AutoPushFigures } from "../observe/figures.js";
import {
  startAutoPush,
  type AutoPush,
  type AutoPushParts,
  type AutoPushTarget,
} from "./auto-push.js";

interface AutoPushesParts extends AutoPushParts {
  /** Returns what the configuration says now. `place` is where the remote is. */
  readonly targets: () => readonly (AutoPushTarget & { readonly place: string })[];
}

export interface AutoPushes extends AsyncDisposable {
  figures(): readonly AutoPushFigures[];
}

/** Time between two looks at the configuration. */
const lookMs = 2000;

export function startAutoPushes(parts: AutoPushesParts): AutoPushes {
  const running = new Map<string, { readonly target: AutoPushTarget; readonly push: AutoPush }>();
  const ending = new AbortController();
  const { signal } = ending;
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      const wanted = new Map(parts.targets().map((target) => [target.remote, target]));
      for (const [remote, { target, push }] of running) {
        if (isDeepStrictEqual(wanted.get(remote), target)) continue;
        running.delete(remote);
        await push[Symbol.asyncDispose]();
      }
      for (const [remote, target] of wanted) {
        if (running.has(remote)) continue;
        running.set(remote, { target, push: startAutoPush(target, parts) });
      }
      await parts.delay(lookMs, signal);
    }
  };
  const ended = follow();
  return {
    figures: () => [...running.values()].map(({ push }) => push.figures()),
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await ended;
      await Promise.all([...running.values()].map(({ push }) => push[Symbol.asyncDispose]()));
    },
  };
}
