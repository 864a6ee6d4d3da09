// Runs the crash harness briefly as a test. `npm run lab -- crash` plays many more states, of all
// kinds.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { withScratchDir } from "../support/scratch.js";
import { createReport, failureText } from "./report.js";
import type { Kind } from "./state.js";

const seed = 1;

export interface ShortRun {
  readonly states: number;
  readonly scenarios?: readonly string[];
}

/** Plays about `states` states. Fails with each bad state and the command that repeats it. */
export async function playShortRun(
  t: TestContext,
  kind: Kind,
  { states, scenarios }: ShortRun,
): Promise<void> {
  await withScratchDir(async (scratch) => {
    // The paths of the sockets must stay short.
    const directory = join(scratch, "c");
    await mkdir(directory);
    const { add, failures, reached } = createReport();
    await kind.play({ seed, states, jobs: 2, directory, scenarios, report: add, signal: t.signal });
    assert.equal(
      failures()
        .map((result) => failureText(result, seed))
        .join("\n"),
      "",
    );
    const played = reached(kind.name);
    t.diagnostic(`${played} crash states of kind ${kind.name}`);
    assert.ok(played >= states * 0.8, `${played} of ${states} states were reached`);
  });
}
