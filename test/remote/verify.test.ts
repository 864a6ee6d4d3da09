// Tests the verification of a remote through a daemon: damage is named by object and offset.
import assert from "node:assert/strict";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  RemoteVerifyLevel,
  type RemoteDamage,
  type RemoteVerifyCounts,
} from "../../src/client/index.js";
import { mapKey, snapshotKey } from "../../src/remote/format/keys.js";
import { noEngine } from "../support/engine.js";
import { failsWith } from "../support/errors.js";
import { startMaintained, type MaintainedScene } from "./maintained.js";

const skip = noEngine;
const { EXISTS, FOOTERS, DATA } = RemoteVerifyLevel;

interface VerifyFields {
  readonly remote?: string;
  readonly ref?: string;
  readonly level?: RemoteVerifyLevel;
  readonly samplePercent?: number;
}

async function verify({ node }: MaintainedScene, fields: VerifyFields = {}) {
  const damages: RemoteDamage[] = [];
  let summary: RemoteVerifyCounts | undefined;
  for await (const { event } of node.client.verifyRemote({ remote: "cold", ...fields })) {
    if (event.case === "damage") damages.push(event.value);
    if (event.case === "summary") summary = event.value;
  }
  if (summary === undefined) throw new Error("the verification has no end");
  return { damages, summary };
}

async function flip(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

test("whole snapshots have no damage at any level", { skip }, async (t) => {
  const scene = await startMaintained(t);
  const empty = await verify(scene);
  assert.equal(empty.summary.snapshots, 0n);
  await scene.push("one", 1);
  await scene.push("two", 2);
  for (const level of [EXISTS, FOOTERS, DATA]) {
    const { damages, summary } = await verify(scene, { level });
    assert.deepEqual(damages, []);
    const { snapshots, doneSnapshots, footers, blocks } = summary;
    const counts = [snapshots, doneSnapshots, footers, blocks];
    assert.deepEqual(counts, [2n, 2n, level === EXISTS ? 0n : 2n, level === DATA ? 8n : 0n]);
    assert.ok(summary.requests > 0n && summary.readBytes > 0n);
  }
  const one = await verify(scene, { ref: "one", level: DATA });
  assert.deepEqual([one.summary.snapshots, one.summary.blocks], [1n, 4n]);
  const shown = await scene.stasis(
    "remote",
    "verify",
    "cold",
    "--level",
    "data",
    "--sample",
    "100",
  );
  assert.match(shown.stdout, /^2 snapshots verified: all whole; \d+ requests, /, shown.stderr);
  await failsWith(verify(scene, { remote: "nobody" }), "FIELD_INVALID");
  await failsWith(verify(scene, { samplePercent: 5 }), "FIELD_INVALID");
  await failsWith(verify(scene, { samplePercent: 101, level: DATA }), "FIELD_INVALID");
  await failsWith(verify(scene, { ref: "nobody" }), "SNAPSHOT_NOT_FOUND");
});

test("missing and cut objects are found by their lengths", { skip }, async (t) => {
  const scene = await startMaintained(t);
  const { engine, push, keys, stasis } = scene;
  const at = (key: string): string => join(engine.directory, "prod", key);
  const noPack = await push("no-pack", 1);
  const [lost = ""] = await keys("packs");
  const cutPack = await push("cut", 2);
  const cut = (await keys("packs")).find((key) => key !== lost) ?? "";
  const noMap = await push("no-map", 3);
  const garbled = await push("garbled", 4);
  await rm(at(lost));
  await truncate(at(cut), 1000);
  await rm(at(mapKey(noMap)));
  await flip(at(snapshotKey(garbled)), 300);
  const { damages, summary } = await verify(scene);
  const found = damages.map(({ snapshotId, key }) => `${snapshotId} ${key}`).sort();
  const expected = [
    `${noPack} ${lost}`,
    `${cutPack} ${cut}`,
    `${noMap} ${mapKey(noMap)}`,
    `${garbled} ${snapshotKey(garbled)}`,
  ];
  assert.deepEqual(found, expected.sort());
  assert.deepEqual([summary.damagedSnapshots, summary.damages], [4n, 4n]);
  const one = await stasis("remote", "verify", "cold", cutPack);
  assert.equal(one.code, 9);
  assert.match(one.stdout, new RegExp(`${cutPack} +cut +${cut} +- +it has 1000 B; expected`));
});

test("a flipped bit in a footer and in a block is named by its offset", { skip }, async (t) => {
  const scene = await startMaintained(t);
  const { engine, push, keys } = scene;
  const id = await push("vm", 1);
  const [pack = ""] = await keys("packs");
  const path = join(engine.directory, "prod", pack);
  const { length } = await readFile(path);
  // The first entry begins after the head. The footer of four records ends before the tail.
  const footer = length - 64 - 4 * 48;
  await flip(path, footer + 3);
  const { damages } = await verify(scene, { ref: id, level: FOOTERS });
  assert.deepEqual(
    damages.map(({ key, offset }) => [key, offset]),
    [[pack, BigInt(footer)]],
  );
  await flip(path, footer + 3);
  await flip(path, 40 + 1000);
  assert.deepEqual((await verify(scene, { level: FOOTERS })).damages, []);
  const read = await verify(scene, { level: DATA });
  assert.deepEqual(
    read.damages.map(({ snapshotId, key, offset, file, block }) => [
      ...[snapshotId, key, offset, file, block],
    ]),
    [[id, pack, 40n, "memory", 0n]],
  );
});
