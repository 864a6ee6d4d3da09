// Runs `npm run lab -- soak-hostile` briefly.
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { mib } from "../store/contents.js";
import { playHostile } from "./hostile.js";
import { removeScratch } from "../support/scratch.js";

test("a good client is served beside 120 half-open streams and 12 slow readers", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "stasis-h-"));
  t.after(() => removeScratch(directory));
  const { quiet, hostile, afterwards, report } = await playHostile({
    ...{ directory, held: true, halfOpen: 120, slowReaders: 12, resets: 0, eager: false },
    ...{ seconds: 2, sizeBytes: 16 * mib },
  });
  t.diagnostic(`p99 ${hostile.p99Ms.toFixed(1)} ms; ${report}`);
  assert.match(report, /opened 132, of them 132 open/);
  assert.equal(hostile.refused, 0, "Inspects that were refused");
  assert.ok(hostile.inspects > 0 && hostile.mibPerSecond > 0);
  assert.ok(afterwards.residentBytes - quiet.residentBytes < 128 * mib);
});
