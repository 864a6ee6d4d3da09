// Checks the invariants after a power cut on an honest disk: all acknowledged snapshots exist, no
// snapshot is incomplete, and every free name can be used.
import { packDirectory } from "../store/contents.js";
import { checkHere, type Start } from "./here.js";
import type { Expectation } from "./ledger.js";
import { alarmsIn, inspectFreeNames, inspectStore } from "./oracle.js";
import type { Recording } from "./recording.js";
import type { Place } from "./served.js";
import type { Verdict } from "./state.js";

export async function judgeAfterCut(
  { spare, givenIsDurable }: Recording,
  expected: Expectation,
  place: Place,
  start: Start,
): Promise<Verdict> {
  const { root } = place;
  // The store does not guarantee the durability of files that the caller had not synced before
  // handing them over. A directory that must be in the store is not checked either: the next
  // directory to hand over is made in its old place, and may be incomplete.
  const givens = givenIsDurable ? expected.givens.filter(({ must }) => must !== "stored") : [];
  const owed = { ...expected, givens };
  const { client, output, stop } = await start(place);
  const problems: string[] = [];
  try {
    const view = { root, client, owed, afterCleanStart: true };
    const { problems: seen, found } = await inspectStore(view);
    problems.push(...seen);
    const take = async (name: string): Promise<void> => {
      await client.create({ config: { name } }, packDirectory(spare.directory));
      await client.delete(name);
    };
    problems.push(...(await inspectFreeNames(found, take)));
  } finally {
    await stop();
  }
  problems.push(...alarmsIn(output()));
  problems.push(...(await checkHere(root, false)).map(({ text }) => text));
  return { problems };
}
