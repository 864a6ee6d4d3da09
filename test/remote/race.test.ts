import assert from "node:assert/strict";
import { test } from "node:test";
import { noEngine, startEngine } from "../support/engine.js";
import { withScratchDir } from "../support/scratch.js";
import { playRace } from "./race.js";

test(
  "pushes, deletions and collections race, and no acknowledged snapshot is lost",
  { skip: noEngine },
  (t) =>
    withScratchDir(async (directory) => {
      await using engine = await startEngine();
      const options = { nodes: 3, pushes: 25, seed: 1, prefix: "race/" };
      const report = await playRace({ engine, directory, ...options });
      t.diagnostic(JSON.stringify(report));
      assert.ok(report.borrowed > 0 && report.deleted > 0 && report.collections > 0);
      assert.ok(report.pushed > options.nodes * options.pushes * 0.3, "most pushes failed");
    }),
);
