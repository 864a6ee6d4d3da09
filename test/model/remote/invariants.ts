// Defines the invariants: conditions that every world must satisfy.
import { collector } from "./actors/collector.js";
import type { Process } from "./explorer.js";
import { processOf, type Setting } from "./turn.js";
import { factsOf, has, isWhole, keysBelow, withoutObjects, type World } from "./world.js";

/** Returns the violated invariant as text, or undefined. */
export function wrongWith(world: World): string | undefined {
  return lostAcknowledged(world) ?? lostCold(world) ?? needlessRollback(world);
}

/** Checks that an acknowledged snapshot is complete unless somebody has deleted it. */
function lostAcknowledged(world: World): string | undefined {
  const deleted = factsOf(world, "deleted");
  for (const snapshot of factsOf(world, "acknowledged")) {
    if (!deleted.includes(snapshot) && !isWhole(world, snapshot)) {
      return `${snapshot} was acknowledged, and ${whatLacks(world, snapshot)}`;
    }
  }
  return undefined;
}

/** Checks that a node without the data has a hold, and that the snapshot is complete. */
function lostCold(world: World): string | undefined {
  for (const [node, { state, hold }] of Object.entries(world.catalogs)) {
    if (state !== "cold" || factsOf(world, "given up").includes(node)) continue;
    const snapshot = `snapshots/${hold.split("/")[1]}`;
    if (!has(world, hold)) return `${node} is cold, and its hold ${hold} is gone`;
    if (!isWhole(world, snapshot)) return `${node} is cold, and ${whatLacks(world, snapshot)}`;
  }
  return undefined;
}

/** Checks that a push whose claim has not expired never has to start again. */
function needlessRollback(world: World): string | undefined {
  const [push] = factsOf(world, "rolled back");
  if (push === undefined || world.facts.includes("a claim has expired")) return undefined;
  return `${push} was rolled back, and no claim had expired`;
}

function whatLacks(world: World, snapshot: string): string {
  const lost = (world.objects[snapshot] ?? [snapshot]).filter((key) => !has(world, key));
  return `${lost.join(" ")} is gone`;
}

/**
 * Checks the last collection. Every actor may crash at any moment. After the claims have expired,
 * one collection must end, and must remove everything that no complete snapshot names.
 */
export function wrongAfterLastCollection(world: World, setting: Setting): string | undefined {
  const last = processOf(collector({ name: "last", tidies: true }), setting);
  const quiet = { ...withoutObjects(world, keysBelow(world, "claims/")), faults: 0, late: [] };
  const after = runAlone(last, quiet);
  if (after === undefined) return "the last collection does not end";
  const whole = keysBelow(after, "snapshots/").filter((key) => isWhole(after, key));
  const named = whole.flatMap((key) => after.objects[key] ?? []);
  const left = ["packs/", "maps/"].flatMap((prefix) => keysBelow(after, prefix));
  const garbage = left.filter((key) => !named.includes(key));
  if (garbage.length > 0) return `the last collection leaves ${garbage.join(" ")}`;
  const intents = keysBelow(after, "gc/last");
  if (intents.length > 0) return `the last collection leaves its intent`;
  return wrongWith(after);
}

const longestRun = 200;

/**
 * Runs a process that has one possible move at each moment. Returns undefined if it does not end
 * within `longestRun` moves.
 */
function runAlone(process: Process<World>, world: World): World | undefined {
  let [local, shared] = [process.start, world];
  for (let step = 0; step < longestRun; step += 1) {
    const [move] = process.moves(local, shared);
    if (move === undefined) return shared;
    ({ local, shared } = move);
  }
  return undefined;
}
