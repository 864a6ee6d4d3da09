// Pushes to a remote and pulls from it through daemons: by the API and by the CLI.
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Client } from "../../src/client/index.js";
import { changedCopy, checkContent, createOn, drainPull, pull } from "../replication/nodes.js";
import { noEngine, startEngine, type Engine } from "../support/engine.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { patternBytes } from "../support/scratch.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { pushTo, startRemoteNode } from "./daemons.js";

const skip = noEngine;
const mib = 1024 * 1024;

async function startOne(t: TestContext): Promise<Engine> {
  const engine = await startEngine();
  t.after(() => engine[Symbol.asyncDispose]());
  return engine;
}

async function makeVm(directory: string, seed: number): Promise<string> {
  await mkdir(directory);
  await writeFile(join(directory, "memory"), patternBytes(4 * mib, seed));
  await writeFile(join(directory, "state.json"), "{}\n");
  return directory;
}

async function drainPush(client: Client, request: Parameters<Client["push"]>[0]): Promise<void> {
  for await (const message of client.push(request)) void message;
}

test("push on one node, pull on another: equal, and a child sends little", { skip }, async (t) => {
  const engine = await startOne(t);
  const [one, two] = [await startRemoteNode(t, engine), await startRemoteNode(t, engine)];
  const source = await makeVm(join(one.scratch, "source"), 1);
  const first = await createOn(one, source, "vm", { keep: "yes" });
  const pushed = await pushTo(one, { ref: "vm" });
  assert.equal(pushed.snapshot.config?.name, "vm");
  assert.equal(pushed.snapshot.config.id, first.config?.id);
  assert.equal(pushed.snapshot.nodeId, one.daemon.store.nodeId);
  assert.equal(pushed.progress.doneBytes, pushed.progress.totalBytes);
  assert.equal(pushed.progress.changedBytes, pushed.progress.totalBytes);
  assert.ok(pushed.progress.sentBytes > 4n * 1024n * 1024n);

  const pulled = await pull(two, { remote: "cold", ref: "vm" });
  assert.equal(pulled.snapshot.digest, first.digest);
  assert.deepEqual(pulled.snapshot.config?.labels, { keep: "yes" });
  assert.equal(pulled.snapshot.protected, false);
  await checkContent(two, "vm", source);

  const change = { offset: 1_000_000, bytes: randomBytes(4096) };
  const next = await changedCopy(source, join(one.scratch, "next"), "memory", [change]);
  await createOn(one, next, "vm-2");
  const child = await pushTo(one, { ref: "vm-2", name: "child" });
  assert.ok(child.progress.sentBytes < 20_000n, `${child.progress.sentBytes} bytes sent`);
  assert.ok(child.progress.changedBytes < child.progress.totalBytes / 4n);
  const { id } = child.snapshot;
  await pull(two, { remote: "cold", ref: id, name: "again", protect: true });
  await checkContent(two, "again", next);
  assert.equal((await two.client.inspect("again")).snapshot?.protected, true);
  // This pull copies every block from the snapshot that the node already has.
  const all = await pull(two, { remote: "cold", ref: "child", unnamed: true });
  assert.equal(all.snapshot.config?.name, "");
  assert.equal(all.progress.sentBytes, 0n);
});

test("a push is not repeated, unless what the remote has is another state", { skip }, async (t) => {
  const engine = await startOne(t);
  const one = await startRemoteNode(t, engine);
  await createOn(one, await makeVm(join(one.scratch, "source"), 2), "vm");
  const first = await pushTo(one, { ref: "vm" });
  const second = await pushTo(one, { ref: "vm", requestId: randomUUID() });
  assert.equal(second.snapshot.id, first.snapshot.id);
  assert.equal(second.progress.sentBytes, 0n);
  const named = await pushTo(one, { ref: "vm", name: "other" });
  assert.notEqual(named.snapshot.id, first.snapshot.id);
  assert.equal(named.progress.sentBytes, 0n, "all blocks are borrowed");
  await one.client.update({ ref: "vm", protected: true, updateMask: { paths: ["protected"] } });
  const changed = await pushTo(one, { ref: "vm" });
  assert.notEqual(changed.snapshot.id, first.snapshot.id);
  assert.equal(changed.snapshot.protected, true);
  await failsWith(drainPull(one.client, { remote: "cold", ref: "vm" }), "AMBIGUOUS_REF");
});

test("a repeated pull with its request id needs no engine any more", { skip }, async (t) => {
  const engine = await startEngine();
  await using running = engine;
  const [one, two] = [await startRemoteNode(t, engine), await startRemoteNode(t, engine)];
  await createOn(one, await makeVm(join(one.scratch, "source"), 3), "vm");
  await pushTo(one, { ref: "vm" });
  const request = { remote: "cold", ref: "vm", requestId: randomUUID() };
  const { snapshot } = await pull(two, request);
  await running[Symbol.asyncDispose]();
  assert.equal((await pull(two, request)).snapshot.config?.id, snapshot.config?.id);
  const away = [
    drainPull(two.client, { remote: "cold", ref: "vm", name: "b" }),
    drainPush(one.client, { remote: "cold", ref: "vm" }),
  ];
  await Promise.all(away.map((call) => failsWith(call, "REMOTE_UNREACHABLE")));
  const { snapshots } = await two.client.list();
  assert.equal(snapshots.length, 1);
});

test("requests that cannot be: remotes, refs and fields", { skip }, async (t) => {
  const engine = await startOne(t);
  const one = await startRemoteNode(t, engine);
  const { client } = one;
  await createOn(one, await makeVm(join(one.scratch, "source"), 4), "vm");
  const pulls = [
    [{ remote: "nobody", ref: "vm" }, "FIELD_INVALID"],
    [{ remote: "cold", source: "127.0.0.1:1", ref: "vm" }, "FIELD_INVALID"],
    [{ ref: "vm" }, "FIELD_INVALID"],
    [{ remote: "cold", ref: "" }, "FIELD_INVALID"],
    [{ remote: "cold", ref: "vm", repair: true }, "FIELD_INVALID"],
    [{ remote: "cold", ref: "vm", name: "a", unnamed: true }, "FIELD_INVALID"],
    [{ remote: "cold", ref: "vm" }, "SNAPSHOT_NOT_FOUND"],
    [{ remote: "cold", ref: "0".repeat(26) }, "SNAPSHOT_NOT_FOUND"],
  ] as const;
  for (const [request, reason] of pulls) await failsWith(drainPull(client, request), reason);
  const pushes = [
    [{ remote: "nobody", ref: "vm" }, "FIELD_INVALID"],
    [{ remote: "cold", target: "127.0.0.1:1", ref: "vm" }, "FIELD_INVALID"],
    [{ remote: "cold", source: "127.0.0.1:1", ref: "vm" }, "FIELD_INVALID"],
    [{ remote: "cold", ref: "" }, "FIELD_INVALID"],
    [{ remote: "cold", ref: "vm", name: "no name" }, "FIELD_INVALID"],
    [{ remote: "cold", ref: "nobody" }, "SNAPSHOT_NOT_FOUND"],
  ] as const;
  for (const [request, reason] of pushes) await failsWith(drainPush(client, request), reason);
  await pushTo(one, { ref: "vm" });
  const missing = { remote: "cold", ref: "0".repeat(26) };
  await failsWith(drainPull(client, missing), "SNAPSHOT_NOT_FOUND");
});

test("an encrypted remote needs its key", { skip }, async (t) => {
  const engine = await startOne(t);
  const key = randomBytes(32).toString("hex");
  const [one, two] = [
    await startRemoteNode(t, engine, { key: `${key}\n` }),
    await startRemoteNode(t, engine, { key }),
  ];
  const source = await makeVm(join(one.scratch, "source"), 5);
  await createOn(one, source, "vm");
  await pushTo(one, { ref: "vm" });
  await pull(two, { remote: "cold", ref: "vm" });
  await checkContent(two, "vm", source);
  const request = { remote: "cold", ref: "vm" };
  const wrong = await startRemoteNode(t, engine, { key: randomBytes(32).toString("hex") });
  await failsWith(drainPull(wrong.client, request), "REMOTE_DATA_INVALID");
  const none = await startRemoteNode(t, engine);
  await failsWith(drainPull(none.client, request), "REMOTE_REFUSED");
  const unusable = await startRemoteNode(t, engine, { key: "secret" });
  await failsWith(drainPull(unusable.client, request), "FIELD_INVALID");
});

test("a slow push is listed, alone, and can be cancelled", { skip }, async (t) => {
  const engine = await startOne(t);
  const one = await startRemoteNode(t, engine);
  const { client } = one;
  const { digest } = await createOn(one, await makeVm(join(one.scratch, "source"), 6), "vm");
  const slow = drainPush(client, { remote: "cold", ref: "vm", limitBytesPerSecond: 65_536n });
  const outcome = failsWith(slow, "CALL_CANCELLED");
  const found = await eventually("the push", async () => {
    const { transfers } = await client.listTransfers();
    return transfers.find(({ progress }) => (progress?.doneBytes ?? 0n) > 0n);
  });
  const { id, source, ref, active, direction } = found;
  assert.deepEqual([source, ref, active, found.digest], ["cold", "vm", true, digest]);
  const stasis = (...args: string[]) => runStasis(["--addr", one.address, ...args]);
  const table = await stasis("transfers");
  assert.match(table.stdout, new RegExp(`^${id} +push +.* +cold +vm$`, "m"), String(direction));
  await failsWith(drainPush(client, { remote: "cold", ref: "vm" }), "OPERATION_IN_PROGRESS");
  assert.equal((await stasis("transfers", "--cancel", id)).stdout, "cancelled\n");
  await outcome;
  assert.deepEqual((await client.listTransfers()).transfers, []);
  assert.equal((await client.cancelTransfer({ id })).found, false);
});

test("by the CLI: push and pull with --remote", { skip }, async (t) => {
  const engine = await startOne(t);
  const [one, two] = [await startRemoteNode(t, engine), await startRemoteNode(t, engine)];
  const source = await makeVm(join(one.scratch, "source"), 7);
  await createOn(one, source, "vm");
  const pushed = await runStasis(["--addr", one.address, "push", "vm", "--remote", "cold"]);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stdout, /^[0-9a-z]{26}\n$/);
  assert.match(pushed.stderr, /stored vm \([0-9a-z]{26}\): 4 MiB changed, 4 MiB travelled/);
  const stasis = (...args: string[]) => runStasis(["--addr", two.address, ...args]);
  const pulled = await stasis("pull", "--remote", "cold", pushed.stdout.trim(), "--as", "copy");
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.match(pulled.stdout, /^[0-9a-z]{16}\n$/);
  await checkContent(two, "copy", source);
  for (const args of [["pull", "vm"], ["push"], ["pull", "--remote", "cold", "peer", "vm"]]) {
    const wrong = await stasis(...args);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /name a peer and a snapshot, or --remote NAME and a snapshot/);
  }
  const unknown = await stasis("pull", "--remote", "nobody", "vm");
  assert.equal(unknown.code, 7);
  assert.match(unknown.stderr, /remote: expected one of the remotes cold, got "nobody"/);
});
