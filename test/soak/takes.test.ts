// Runs `npm run lab -- soak-takes` briefly.
import assert from "node:assert/strict";
import { test } from "node:test";
import { logKind } from "../crash/log-kind.js";
import { describeCounts, inSoakDirectory } from "./soak-main.js";
import { playCuts } from "./taken-cuts.js";
import { playTakes } from "./takes.js";

test("a snapshot that is taken while the daemon is killed is in exactly one place", async (t) => {
  const takes = 16;
  const { problems, counts } = await inSoakDirectory("takes", (directory) =>
    playTakes({ directory, seed: 1, takes, signal: t.signal }),
  );
  assert.deepEqual(problems, []);
  t.diagnostic(describeCounts(counts));
  assert.equal(counts.get("repeated"), takes);
  assert.ok((counts.get("kills") ?? 0) > 0);
});

const skip = logKind.cannot();

test("a snapshot that is taken before a power cut is in exactly one place", { skip }, async (t) => {
  const { problems, counts } = await inSoakDirectory("cuts", (directory) =>
    playCuts({ directory, seed: 1, cuts: 12, signal: t.signal }),
  );
  assert.deepEqual(problems, []);
  assert.ok((counts.get("power cuts") ?? 0) >= 12, describeCounts(counts));
});
