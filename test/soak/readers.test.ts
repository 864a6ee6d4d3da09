// Runs `npm run lab -- soak-readers` briefly.
import assert from "node:assert/strict";
import { test } from "node:test";
import { playReaders, waysToGo } from "./readers.js";
import { describeCounts, inSoakDirectory } from "./soak-main.js";

void test("reads complete or fail before their first byte while snapshots are stored and removed", async (t) => {
  const outlived = 60;
  const { problems, counts } = await inSoakDirectory("readers", (directory) =>
    playReaders({ directory, seed: 1, readers: 32, outlived, limitMs: 60_000 }),
  );
  assert.deepEqual(problems, []);
  t.diagnostic(describeCounts(counts));
  const count = (what: string): number => counts.get(what) ?? 0;
  assert.ok(count("outlived their snapshot") >= outlived, "reads that met a removal");
  for (const what of waysToGo) assert.ok(count(what) > 0, what);
});
