// Lists all kinds of crash states, and the share of each kind in the number of states.
import type { Kind, PlayOptions } from "./state.js";
import { fullKind } from "./full-kind.js";
import { logKind, lyingKind } from "./log-kind.js";
import { powerKind } from "./power-kind.js";
import { startKind } from "./start-kind.js";
import { syscallKind } from "./syscall-kind.js";

export interface SharedKind {
  readonly kind: Kind;
  /** The share of this kind in all states. */
  readonly share: number;
}

export const kinds: readonly SharedKind[] = [
  { kind: syscallKind, share: 6 },
  { kind: startKind, share: 2 },
  { kind: powerKind, share: 1 },
  { kind: logKind, share: 6 },
  { kind: lyingKind, share: 2 },
  { kind: fullKind, share: 1 },
];

/**
 * Plays the kinds one after the other, each with its share of the states. Calls `skipped` for kinds
 * that cannot run.
 */
export async function playKinds(
  options: PlayOptions,
  only: string | undefined,
  skipped: (kind: string, why: string) => void,
): Promise<void> {
  const wanted = kinds
    .filter(({ kind }) => only === undefined || kind.name === only)
    .filter(
      ({ kind }) => options.every !== true || kind.strikesCalls === true || kind.name === only,
    );
  const total = wanted.reduce((sum, { share }) => sum + share, 0);
  if (wanted.length === 0) throw new Error(`there is no kind ${only ?? ""}`);
  for (const { kind, share } of wanted) {
    if (options.signal.aborted) return;
    const why = kind.cannot();
    if (why !== false) skipped(kind.name, why);
    else await kind.play({ ...options, states: Math.ceil((options.states * share) / total) });
  }
}
