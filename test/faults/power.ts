// Cuts the power at every operation of one run. The run itself continues, while the state after
// each cut is computed. Afterwards a start of the store in the same place judges each of these
// states.
import { createRandom } from "../support/random.js";
import type { Layer } from "./intercept.js";
import { judge, type Told } from "./judge.js";
import { followPower } from "./power-model.js";
import type { Mistake } from "./record-order.js";
import { createRecorder } from "./recorder.js";
import { play, playStart, type Prepared, type Stage } from "./stage.js";
import { hashTree, type Tree } from "./tree.js";

/** Describes a disk after a power cut. */
interface Cut {
  readonly tree: Tree;
  readonly told: Told;
  /** The event before which the power was cut. */
  readonly before: string;
  /** True if no unsynced change has survived. */
  readonly strict: boolean;
}

export interface CutOptions {
  readonly seed: number;
  readonly mistake?: Mistake;
}

/** Returns the problems after power cuts during the call of a scenario. */
export async function cutCall(
  stage: Stage,
  prepared: Prepared,
  options: CutOptions,
): Promise<string[]> {
  const taker = takeCuts(stage, prepared, options);
  await play(stage, prepared, taker.layersOf, taker);
  return judgeAll(stage, prepared, taker.cuts());
}

/**
 * Returns the problems after power cuts during the start that follows another power cut. The store
 * must have the state before or after the call.
 */
export async function cutStart(
  stage: Stage,
  prepared: Prepared,
  options: CutOptions,
): Promise<string[]> {
  const taker = takeCuts(stage, prepared, options);
  await playStart(stage, prepared.tree, taker.layersOf);
  return judgeAll(stage, prepared, taker.cuts());
}

interface CutTaker {
  layersOf(): readonly Layer[];
  answered(): void;
  cuts(): readonly Cut[];
}

function takeCuts(stage: Stage, { ids }: Prepared, { seed, mistake }: CutOptions): CutTaker {
  const random = createRandom("power", seed);
  /**
   * Holds the states to judge, by the content of the disk and the obligations. Most operations
   * change neither.
   */
  const cuts = new Map<string, Cut>();
  let told: Told = "nothing";
  const add = (cut: Cut): void => {
    const key = `${hashTree(cut.tree)} ${cut.told}`;
    if (!cuts.has(key)) cuts.set(key, cut);
  };
  return {
    layersOf: () => {
      const power = followPower(stage.place.base, stage.stash);
      const recorder = createRecorder(stage.place, ids, (before) => {
        add({ tree: power.afterCut(), told, before, strict: true });
        add({ tree: power.afterLuckyCut(random), told, before, strict: false });
      });
      const below = [recorder, power];
      return mistake === undefined ? below : [mistake(below), ...below];
    },
    answered: () => (told = "answered"),
    cuts: () => [...cuts.values()],
  };
}

async function judgeAll(
  stage: Stage,
  { scenario }: Prepared,
  cuts: readonly Cut[],
): Promise<string[]> {
  const problems: string[] = [];
  for (const { tree, told, before, strict } of cuts) {
    stage.put(tree);
    try {
      await judge(stage.place, scenario, told);
    } catch (error) {
      const how = strict ? "with nothing unsynced kept" : "with some of the unsynced kept";
      problems.push(`cut before ${before}, ${how}, ${told}: ${String(error)}`);
    }
  }
  return problems;
}
