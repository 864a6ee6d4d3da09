// Checks the invariants after a power cut on an honest disk: all acknowledged snapshots exist, no
// snapshot is incomplete, and every free name can be used.
import assert from "node:assert/strict";
import type { Client } from "../../src/client/index.js";
import { compareDirectories, packDirectory } from "../store/contents.js";
import { checkHere, type Start } from "./here.js";
import type { Expectation, GivenExpectation } from "./ledger.js";
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
    for (const given of givens) problems.push(...(await inspectRepeat(client, given)));
  } finally {
    await stop();
  }
  problems.push(...alarmsIn(output()));
  problems.push(...(await checkHere(root, false)).map(({ text }) => text));
  return { problems };
}

/**
 * Repeats a call that moves a snapshot's files to a directory, twice. Whatever the power cut has
 * left of the first call, the files must be in the directory afterwards, and both answers must be
 * equal.
 */
async function inspectRepeat(
  client: Client,
  { path, twin, takes = "", requestId }: GivenExpectation,
): Promise<string[]> {
  if (requestId === undefined) return [];
  const request = { ref: takes, directory: path, requestId };
  try {
    const first = await client.takeToDirectory(request);
    assert.equal(first.snapshot?.config?.id, takes);
    assert.deepEqual(await client.takeToDirectory(request), first, "the answers differ");
    await compareDirectories(path, twin);
    return [];
  } catch (error) {
    return [`the repeated move of ${takes} to ${path} fails: ${String(error)}`];
  }
}
