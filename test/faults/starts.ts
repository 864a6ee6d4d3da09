// Prepares stores that a power cut has left in the middle of a call, so that the next start has
// work to do.
import { createRecorder } from "./recorder.js";
import { followPower } from "./power-model.js";
import { scenarios } from "./scenarios.js";
import { play, prepare, type Prepared, type Stage } from "./stage.js";
import type { Tree } from "./tree.js";

export interface Start {
  readonly name: string;
  readonly of: string;
  /** The power is cut before this event. */
  readonly before: RegExp;
}

export const starts: readonly Start[] = [
  {
    name: "an upload that was never published",
    of: "create",
    before: /^rename staging\/NEW to data\/NEW$/,
  },
  {
    name: "an upload that was published but not recorded",
    of: "create",
    before: /^commit$/,
  },
  {
    name: "a directory that was taken over but not published",
    of: "create-from-directory",
    before: /^create staging\/NEW\/manifest\.json$/,
  },
  {
    name: "a directory that was taken over but not recorded",
    of: "create-from-directory",
    before: /^commit$/,
  },
  {
    name: "a replaced snapshot that is still in data/",
    of: "replace",
    before: /^rename data\/OLD to trash\/OLD$/,
  },
  {
    name: "a deletion before its move to the trash",
    of: "delete",
    before: /^rename data\/OLD to trash\/OLD$/,
  },
  {
    name: "a deletion before the removal of its files",
    of: "delete",
    before: /^remove-tree trash\/OLD$/,
  },
  {
    name: "a move to a directory before its rename",
    of: "take",
    before: /^rename data\/OLD\/files to given$/,
  },
  {
    name: "a move to a directory before it was recorded",
    of: "take",
    before: /^commit$/,
  },
  {
    name: "an update before its manifest was written",
    of: "update",
    before: /^create data\/OLD\/manifest\.json\.tmp$/,
  },
];

/**
 * Cuts the power before the last matching event before the answer. Of the commits of an upload,
 * this is the one that records the snapshot.
 */
export async function prepareStart(stage: Stage, { of, before }: Start): Promise<Prepared> {
  const scenario = scenarios.find(({ name }) => name === of);
  if (scenario === undefined) throw new Error(`no scenario ${of}`);
  const prepared = await prepare(stage, scenario);
  let tree: Tree | undefined;
  let isAnswered = false;
  const layersOf = () => {
    const power = followPower(stage.place.base, stage.stash);
    // When the event is reported, the catalog already contains the commit. To undo a commit, the
    // test takes the tree from before it.
    let previous = power.afterCut();
    const recorder = createRecorder(stage.place, prepared.ids, (event) => {
      if (before.test(event) && !isAnswered) {
        tree = event === "commit" ? previous : power.afterCut();
      }
    });
    const looking = {
      after: () => {
        previous = power.afterCut();
      },
    };
    return [recorder, power, looking];
  };
  await play(stage, prepared, layersOf, { answered: () => (isAnswered = true) });
  if (tree === undefined) throw new Error(`${of} has no ${before.source}`);
  return { ...prepared, tree };
}
