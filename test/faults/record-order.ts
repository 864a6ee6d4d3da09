// Records one undisturbed run of a scenario. It also reports what a power cut would have undone at
// two moments: at the last commit before the answer, and at the answer.
import { join } from "node:path";
import { inspect } from "node:util";
import type { Layer } from "./intercept.js";
import { followPower, type PowerModel } from "./power-model.js";
import { createRecorder, type Recorder } from "./recorder.js";
import { play, type Prepared, type Stage } from "./stage.js";

export interface RecordedOrder {
  readonly events: readonly string[];
  readonly problems: readonly string[];
}

/** Returns a layer that seeds a mistake. It is above the observing layers, which are in `below`. */
export type Mistake = (below: readonly Layer[]) => Layer;

export async function recordOrder(
  stage: Stage,
  prepared: Prepared,
  mistake?: Mistake,
): Promise<RecordedOrder> {
  const { base, root } = stage.place;
  let recorder: Recorder | undefined;
  let power: PowerModel | undefined;
  let atCommit: readonly string[] = [];
  const problems: string[] = [];
  const layersOf = (): readonly Layer[] => {
    const model = followPower(base, stage.stash);
    power = model;
    recorder = createRecorder(stage.place, prepared.ids, (event) => {
      if (event === "commit") atCommit = model.unsynced(join(root, "data"));
    });
    recorder.note("start");
    const below = [recorder, model];
    return mistake === undefined ? below : [mistake(below), ...below];
  };
  const { error } = await play(stage, prepared, layersOf, {
    answered: () => {
      recorder?.note("answered");
      problems.push(...atCommit.map((path) => `committed before it was durable: ${path}`));
      const late = power?.unsynced(base, (path) => mayBeLate(path.slice(root.length + 1))) ?? [];
      problems.push(...late.map((path) => `answered before it was durable: ${path}`));
    },
  });
  recorder?.note("end");
  if (error !== undefined) problems.push(`refused: ${inspect(error)}`);
  return { events: recorder?.events ?? [], problems };
}

/**
 * Returns true if a change of the path need not be durable. A start repeats the moves to the trash.
 * The marker of a directory that was taken over, and its files with other links, no longer matter.
 * `path` is relative to the root.
 */
function mayBeLate(path: string): boolean {
  const forgotten = /^data\/[^/]+\/(origin\.json|linked)$/;
  return path.startsWith("trash/") || forgotten.test(path);
}
