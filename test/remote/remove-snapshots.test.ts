// Tests deletions from a remote through a daemon: by the API and by the CLI.
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { RemoteDeletionOutcome } from "../../src/client/index.js";
import { ErrorReason } from "../../gen/ts/stasis/v1/errors_pb.js";
import { putHold } from "../../src/remote/holds.js";
import { bucketAt, noEngine } from "../support/engine.js";
import { failsWith } from "../support/errors.js";
import { never } from "../unit/store/support.js";
import { startMaintained } from "./maintained.js";
import { openRemote } from "./nodes.js";

const skip = noEngine;
const unknownId = "01jzzzzzzzzzzzzzzzzzzzzzzz";

test(
  "snapshots of a remote are deleted by id, name and prefix, or none of them",
  { skip },
  async (t) => {
    const { node, push, keys } = await startMaintained(t);
    const { client } = node;
    const [one, two, three] = [await push("one", 1), await push("two", 2), await push("same", 3)];
    const other = await push("same", 4);
    const remove = (refs: string[], allowMissing = false) =>
      client.deleteRemoteSnapshots({ remote: "cold", refs, allowMissing });
    const error = await failsWith(remove([one, "same"]), "AMBIGUOUS_REF");
    for (const id of [three, other]) {
      assert.match(
        error.message,
        new RegExp(`${id} \\(node ${node.daemon.store.nodeId}, 2\\d{3}-`),
      );
    }
    await failsWith(remove([one, "nobody"]), "SNAPSHOT_NOT_FOUND");
    await failsWith(remove([one, unknownId]), "SNAPSHOT_NOT_FOUND");
    await failsWith(remove([]), "FIELD_INVALID");
    await failsWith(remove([one, ""]), "FIELD_INVALID");
    await failsWith(client.deleteRemoteSnapshots({ remote: "x", refs: [one] }), "FIELD_INVALID");
    assert.equal((await keys("snapshots")).length, 4);

    const { deletions } = await remove([one, "two", two, "nobody", three.slice(0, 20)], true);
    const rows = deletions.map(({ ref, id, name, outcome }) => [ref, id, name, outcome]);
    const { DELETED, MISSING } = RemoteDeletionOutcome;
    assert.deepEqual(rows, [
      [one, one, "one", DELETED],
      ["two", two, "two", DELETED],
      ["nobody", "", "", MISSING],
      [three.slice(0, 20), three, "same", DELETED],
    ]);
    assert.equal(deletions[0]?.nodeId, node.daemon.store.nodeId);
    assert.ok(deletions[0].pushedAt !== undefined);
    assert.deepEqual(await keys("snapshots"), [`snapshots/${other}.json`]);
    assert.deepEqual(await keys("deletes"), []);
    assert.equal((await keys("maps")).length, 4, "the next collection deletes the maps");
  },
);

test("a snapshot that a node holds is kept, and the others are deleted", { skip }, async (t) => {
  const { engine, node, push, keys, stasis } = await startMaintained(t);
  const [held, free] = [await push("held", 1), await push("free", 2)];
  using bucket = bucketAt(engine.endpoint, engine.keys);
  const remote = await openRemote(bucket);
  const recorded: string[] = [];
  const onNewKey = (key: string): void => void recorded.push(key);
  const hold = (nodeId: string) =>
    putHold({ ...remote, clock: systemClock }, { snapshot: held, nodeId, onNewKey }, never);
  const holds = [await hold("node-b"), await hold("node-a"), await hold("node-a")];
  assert.deepEqual(recorded, holds);
  assert.deepEqual(await keys("holds"), [...holds].sort());

  const { client } = node;
  const request = { remote: "cold", refs: ["held", "free"] };
  const { deletions } = await client.deleteRemoteSnapshots(request);
  const [kept, gone] = deletions;
  assert.equal(kept?.outcome, RemoteDeletionOutcome.KEPT);
  assert.equal(kept.reason, ErrorReason.REMOTE_SNAPSHOT_HELD);
  assert.deepEqual(kept.holdingNodeIds, ["node-a", "node-b"]);
  assert.match(kept.message, /nodes node-a, node-b/);
  assert.deepEqual([gone?.id, gone?.outcome], [free, RemoteDeletionOutcome.DELETED]);
  assert.deepEqual(await keys("snapshots"), [`snapshots/${held}.json`]);
  assert.deepEqual(await keys("deletes"), []);

  const again = await stasis("remote", "rm", "cold", "held");
  assert.deepEqual([again.code, again.stdout], [5, ""]);
  assert.match(again.stderr, new RegExp(`snapshot ${held} .* nodes node-a, node-b`));
  for (const key of holds) await bucket.delete(key, never);
  assert.equal((await stasis("remote", "rm", "cold", "held")).stdout, `${held}  held\n`);
  assert.deepEqual(await keys("snapshots"), []);
});

test("a broken snapshot is deleted by its id", { skip }, async (t) => {
  const { engine, push, keys, stasis } = await startMaintained(t);
  const [noMap, garbled] = [await push("one", 1), await push("two", 2)];
  await rm(join(engine.directory, "prod", "maps", noMap));
  await writeFile(join(engine.directory, "prod", "snapshots", `${garbled}.json`), "no object");
  const missing = await stasis("remote", "rm", "cold", "one");
  assert.equal(missing.code, 3, missing.stderr);
  const done = await stasis("remote", "rm", "cold", noMap, garbled, "--json");
  assert.equal(done.code, 0, done.stderr);
  const { deletions } = JSON.parse(done.stdout) as { deletions: Record<string, unknown>[] };
  assert.deepEqual(
    deletions.map(({ id, name, outcome }) => [id, name, outcome]),
    [
      [noMap, "one", "REMOTE_DELETION_OUTCOME_DELETED"],
      [garbled, "", "REMOTE_DELETION_OUTCOME_DELETED"],
    ],
  );
  assert.deepEqual(await keys("snapshots"), []);
});
