// Tests the maintenance of a remote through a daemon: by the API and by the CLI.
import assert from "node:assert/strict";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { RemoteDeletionOutcome } from "../../src/client/index.js";
import { ErrorReason } from "../../gen/ts/stasis/v1/errors_pb.js";
import { putHold } from "../../src/remote/holds.js";
import { createOn, type Node } from "../replication/nodes.js";
import { bucketAt, noEngine, startEngine, type Engine } from "../support/engine.js";
import { failsWith } from "../support/errors.js";
import { patternBytes } from "../support/scratch.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { never } from "../unit/store/support.js";
import { pushTo, startRemoteNode } from "./daemons.js";
import { openRemote } from "./nodes.js";

const skip = noEngine;
const mib = 1024 * 1024;
const unknownId = "01jzzzzzzzzzzzzzzzzzzzzzzz";

interface Scene {
  readonly engine: Engine;
  readonly node: Node;
  /** Makes a snapshot with this name, pushes it, and returns its id at the remote. */
  push(name: string, seed: number): Promise<string>;
  /** Runs the CLI against the daemon. */
  stasis(...args: string[]): ReturnType<typeof runStasis>;
  /** Returns the keys of the objects below a prefix, in order. */
  keys(prefix: string): Promise<string[]>;
}

async function startScene(t: TestContext): Promise<Scene> {
  const engine = await startEngine();
  t.after(() => engine[Symbol.asyncDispose]());
  const node = await startRemoteNode(t, engine);
  const directory = join(engine.directory, "prod");
  return {
    ...{ engine, node },
    push: async (name, seed) => {
      const source = join(node.scratch, `${name} ${seed}`);
      await mkdir(source);
      await writeFile(join(source, "memory"), patternBytes(mib, seed));
      const { config } = await createOn(node, source, "");
      const { snapshot } = await pushTo(node, { ref: config?.id ?? "", name });
      return snapshot.id;
    },
    stasis: (...args) => runStasis(["--addr", node.address, ...args]),
    keys: async (prefix) => {
      const found = await readdir(join(directory, prefix), {
        recursive: true,
        withFileTypes: true,
      }).catch(() => []);
      return found
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
        .sort();
    },
  };
}

test(
  "snapshots of a remote are deleted by id, name and prefix, or none of them",
  { skip },
  async (t) => {
    const { node, push, keys } = await startScene(t);
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
  const { engine, node, push, keys, stasis } = await startScene(t);
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
  const { engine, push, keys, stasis } = await startScene(t);
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
