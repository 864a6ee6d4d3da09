// Finds out from the newest pulls which peers have been given up, and which pulls wait for a peer.
import type { PullState } from "./model.js";

const lostOutcomes: ReadonlySet<string> = new Set(["DAEMON_UNREACHABLE", "DEADLINE_PASSED"]);
/** Time for which a pull that was given up is shown, unless a later one succeeds. */
const rememberedMs = 5 * 60_000;

/**
 * Returns the pulls that have ended within `rememberedMs` because the peer was silent or could not
 * be reached, the newest first. A pull is left out if a later pull from the same peer has
 * succeeded.
 */
export function givenUp(pulls: readonly PullState[], nowMs = Date.now()): PullState[] {
  const isRecovered = (lost: PullState): boolean =>
    pulls.some(
      (other) =>
        other.source === lost.source && other.ended?.outcome === "OK" && endOf(other) > endOf(lost),
    );
  return pulls
    .filter(({ ended }) => lostOutcomes.has(ended?.outcome ?? ""))
    .filter((pull) => nowMs - endOf(pull) < rememberedMs && !isRecovered(pull))
    .sort((a, b) => endOf(b) - endOf(a));
}

function endOf({ ended }: PullState): number {
  return ended === undefined ? 0 : Date.parse(ended.at);
}

/** Returns the running pulls whose peer has not yet described the snapshot. */
export function undescribed(pulls: readonly PullState[]): readonly PullState[] {
  return pulls.filter(({ digest, ended }) => digest === "" && ended === undefined);
}

/** Returns the outcome of the newest ended pull of this digest. Undefined if it is not known. */
export function outcomeOf(pulls: readonly PullState[], digest: string): string | undefined {
  const [newest] = pulls
    .filter((pull) => pull.digest === digest && pull.ended !== undefined)
    .sort((a, b) => endOf(b) - endOf(a));
  return newest?.ended?.outcome;
}
