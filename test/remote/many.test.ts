// Tests a bucket with more snapshots than a page of its listing has. `npm run lab -- many-remote`
// does the same with 100,000, and measures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestVersion, snapshotDigest } from "../../src/files/manifest.js";
import { emptyConfig } from "../../src/model/config.js";
import { describeListed, summarize, type RemoteSnapshot } from "../../src/remote/listed.js";
import { noEngine, startEngine } from "../support/engine.js";
import { withScratchDir } from "../support/scratch.js";
import { playMany } from "./many.js";

test(
  "a bucket with 1,100 snapshots is listed, searched, pushed to and collected",
  { skip: noEngine },
  () =>
    withScratchDir(async (scratch) => {
      await using engine = await startEngine();
      const { steps } = await playMany({ engine, scratch, snapshots: 1100 });
      assert.equal(steps.length, 5);
    }),
);

test("a listed snapshot takes little memory, and nothing of it is lost", () => {
  const config = {
    ...emptyConfig(),
    ...{ id: "0123456789abcdef", name: "web-1", image: "registry.example.com/base:1" },
    labels: { keep: "yes", vm: "17" },
  };
  const files = ["disk.raw", "memory", "vmstate"].map((name, index) => ({
    ...{ name, sizeBytes: 4096 * (index + 1), allocatedBytes: 4096, mode: 0o640 },
    digest: `sha256:${String(index).repeat(64)}`,
  }));
  const snapshot: RemoteSnapshot = {
    ...{ id: "0".repeat(26), pushedAt: new Date(1e12), nodeId: "node", dataBytes: 1 },
    packedBytes: 2,
    manifest: {
      ...{
        version: manifestVersion,
        revision: 3,
        id: "0123456789abcdef",
        config,
        createdAt: new Date(1e12),
      },
      ...{ protected: true, expireTime: new Date(2e12), parentDigest: `sha256:${"ab".repeat(32)}` },
      ...{ digest: snapshotDigest(files), files },
    },
  };
  const listed = summarize(snapshot);
  assert.ok(listed.packed.length < 512, `${listed.packed.length} bytes`);
  assert.deepEqual(describeListed(listed), snapshot);
});
