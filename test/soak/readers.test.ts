// A short run of `npm run soak:readers`.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { playReaders } from "./readers.js";

void test("reads end whole or fail before their first byte while snapshots come and go", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "stasis-readers-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const outlived = 60;
  const { problems, counts } = await playReaders({
    directory,
    seed: 1,
    readers: 32,
    outlived,
    limitMs: 60_000,
  });
  assert.deepEqual(problems, []);
  t.diagnostic([...counts].map(([what, times]) => `${times} ${what}`).join("\n"));
  const count = (what: string): number => counts.get(what) ?? 0;
  assert.ok(count("outlived their snapshot") >= outlived, "reads that met a removal");
  for (const what of ["deleted", "replaced", "collected"]) assert.ok(count(what) > 0, what);
});
