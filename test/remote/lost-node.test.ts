// Tests what docs/remotes.md, "A lost node", promises: `stasis pull --remote NAME --all` brings the
// snapshots back from the bucket alone, and into a root that was restored from an older backup.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { create, toJson, type JsonValue } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { SnapshotConfigSchema, SnapshotSchema, type Snapshot } from "../../src/client/index.js";
import { packDirectory } from "../store/contents.js";
import { checkContent, createOn, type Node } from "../replication/nodes.js";
import { noEngine, startEngine } from "../support/engine.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { pushTo, startRemoteNode } from "./daemons.js";

const skip = noEngine;
const hour = 3_600_000;
const kib = 1024;

/** One line of the answer of `pull --all`. */
interface PulledRow {
  readonly remoteId: string;
  readonly name: string;
  readonly outcome: string;
  readonly id: string;
  readonly nameHere: string;
  readonly reason: string;
}

async function pullAll(node: Node, ...args: string[]) {
  const all = ["--addr", node.address, "--json", "pull", "--remote", "cold", "--all", ...args];
  const { code, stdout, stderr } = await runStasis(all);
  assert.notEqual(stdout, "", stderr);
  return { code, rows: (JSON.parse(stdout) as { snapshots: PulledRow[] }).snapshots };
}

async function makeVm(node: Node, name: string): Promise<string> {
  const directory = join(node.scratch, name);
  await mkdir(directory);
  await writeFile(join(directory, "memory"), randomBytes(300 * kib));
  await writeFile(join(directory, "disk"), Buffer.alloc(1024 * kib, name));
  return directory;
}

async function snapshotsOf({ client }: Node): Promise<Snapshot[]> {
  const { snapshots } = await client.list({ pageSize: 1000 });
  return Promise.all(
    snapshots.map(async ({ config }) => {
      const { snapshot } = await client.inspect(config?.id ?? "");
      return create(SnapshotSchema, snapshot);
    }),
  );
}

/** Returns what must come back. Ids and the times of this node are not part of it. */
function portable({ config, digest, files, parentDigest, ...rest }: Snapshot): JsonValue {
  const expireTime = rest.expireTime === undefined ? "" : String(rest.expireTime.seconds);
  const { protected: isProtected } = rest;
  const sizes = files.map(({ name, sizeBytes, mode }) => `${name} ${sizeBytes} ${mode}`);
  if (config === undefined) throw new Error("no configuration");
  const shown = { digest, parentDigest, isProtected, expireTime, sizes };
  return { ...shown, config: toJson(SnapshotConfigSchema, { ...config, id: "" }) };
}

function byDigest(snapshots: readonly Snapshot[]): JsonValue[] {
  return snapshots
    .map((snapshot): JsonValue => portable(snapshot))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Makes snapshots that have every property that must come back, and pushes them. */
async function fillNode(node: Node): Promise<void> {
  const { client } = node;
  const source = await makeVm(node, "web");
  const config = {
    ...{ name: "web", description: "a web server", labels: { keep: "yes", vm: "7" } },
    ...{ hypervisor: "firecracker", cpu: 2, memory: 1n << 30n, image: "base:1" },
    ...{ host: { kernel: "6.1.0", cpuVendor: "V" }, extra: { owner: { team: 3 } } },
  };
  const expireTime = timestampFromDate(new Date(Date.now() + hour));
  await client.create({ config, expireTime, protected: true }, packDirectory(source));
  await client.createDeltaFromDirectory({
    config: { name: "web-2" },
    parent: "web",
    directory: await deltaOf(node),
  });
  const nameless = await createOn(node, await makeVm(node, "other"), "");
  for (const ref of ["web", "web-2", nameless.config?.id ?? ""]) await pushTo(node, { ref });
}

async function deltaOf(node: Node): Promise<string> {
  const directory = join(node.scratch, "delta");
  await mkdir(directory);
  await writeFile(join(directory, "memory"), randomBytes(300 * kib));
  return directory;
}

test(
  "an empty machine gets everything back from an encrypted bucket, once",
  { skip },
  async (t) => {
    await using engine = await startEngine();
    const key = randomBytes(32).toString("hex");
    const one = await startRemoteNode(t, engine, { key });
    await fillNode(one);
    const before = byDigest(await snapshotsOf(one));
    await one.daemon.stop();

    const two = await startRemoteNode(t, engine, { key });
    const listed = await runStasis(["--addr", two.address, "remote", "ls", "cold"]);
    assert.match(listed.stdout, /^web +[0-9a-z]{26} /m);
    const first = await pullAll(two);
    assert.equal(first.code, 0);
    assert.deepEqual(
      first.rows.map(({ outcome }) => outcome),
      ["pulled", "pulled", "pulled"],
    );
    assert.deepEqual(byDigest(await snapshotsOf(two)), before);
    await checkContent(two, "web", join(one.scratch, "web"));
    const parent = (await two.client.inspect("web")).snapshot?.digest;
    assert.equal((await two.client.inspect("web-2")).snapshot?.parentDigest, parent);

    const second = await pullAll(two, "--parallel", "2");
    assert.deepEqual(
      second.rows.map(({ outcome, id }) => [outcome, id]),
      first.rows.map(({ id }) => ["here", id]),
    );
    await two.client.delete("web-2");
    const third = await pullAll(two);
    assert.deepEqual(
      third.rows.map(({ outcome }) => outcome),
      ["here", "pulled", "here"],
    );
  },
);

test(
  "shared names, replaced pushes, expired snapshots and failures each have a row and an exit code",
  { skip },
  async (t) => {
    const engine = await startEngine();
    await using running = engine;
    const one = await startRemoteNode(t, engine);
    const { client } = one;
    const update = async (request: Parameters<typeof client.update>[0]): Promise<void> =>
      void (await client.update(request));
    const ids: string[] = [];
    const push = async (ref: string): Promise<void> =>
      void ids.push((await pushTo(one, { ref })).snapshot.id);
    // The name moves to a newer snapshot of the node.
    const old = await createOn(one, await makeVm(one, "a"), "nightly");
    await push("nightly");
    await update({ ref: "nightly", name: "", updateMask: { paths: ["name"] } });
    await createOn(one, await makeVm(one, "b"), "nightly");
    await push("nightly");
    // A second push of the same snapshot, with other labels.
    await createOn(one, await makeVm(one, "c"), "db");
    await push("db");
    await update({ ref: "db", labels: { a: "b" }, updateMask: { paths: ["labels"] } });
    await push("db");
    const expireTime = timestampFromDate(new Date(Date.now() + 2000));
    await client.create(
      { config: { name: "gone" }, expireTime },
      packDirectory(join(one.scratch, "a")),
    );
    await push("gone");
    await createOn(one, await makeVm(one, "d"), "broken");
    await push("broken");
    const packs = await packsBelow(join(engine.directory, "prod", "packs"));
    await rm(packs.at(-1) ?? "");
    await new Promise((resolve) => setTimeout(resolve, 2500));

    const two = await startRemoteNode(t, engine);
    const { code, rows } = await pullAll(two, "--parallel", "1");
    const shown = rows.map(({ remoteId, name, outcome, nameHere, reason }) => [
      ids.indexOf(remoteId),
      ...[name, outcome, nameHere, reason],
    ]);
    assert.deepEqual(shown, [
      [0, "nightly", "pulled", "", ""],
      [1, "nightly", "pulled", "nightly", ""],
      [2, "db", "replaced", "", ""],
      [3, "db", "pulled", "db", ""],
      [4, "gone", "expired", "", ""],
      [5, "broken", "failed", "", "REMOTE_COPY_MISSING"],
    ]);
    assert.equal(code, 3);
    await checkContent(two, "nightly", join(one.scratch, "b"));
    await checkContent(two, rows[0]?.id ?? "", join(one.scratch, "a"));
    assert.equal((await snapshotsOf(two)).length, 3);
    assert.equal((await two.client.inspect(rows[0]?.id ?? "")).snapshot?.digest, old.digest);

    const stasis = (...args: string[]) => runStasis(["--addr", two.address, ...args]);
    const text = await stasis("pull", "--remote", "cold", "--all", "--name-prefix", "n");
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, new RegExp(`^here +${ids[1]} +[0-9a-z]{16} +nightly$`, "m"));
    assert.match(text.stderr, /2 here/);
    for (const args of [
      ["--all"],
      ["--all", "--remote", "cold", "--as", "x"],
      ["p", "r", "--node", "x"],
    ]) {
      assert.equal((await stasis("pull", ...args)).code, 2);
    }
    await running[Symbol.asyncDispose]();
    const away = await stasis("pull", "--remote", "cold", "--all");
    assert.equal(away.code, 6, away.stderr);
  },
);

async function packsBelow(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  const packs = names.filter((name) => /-[0-9]{6}$/.test(name));
  const byPush = packs.sort((a, b) => (a.slice(3) < b.slice(3) ? -1 : 1));
  return byPush.map((name) => join(directory, name));
}

test("a root from an older backup: nothing twice, nothing lost", { skip }, async (t) => {
  await using engine = await startEngine();
  const one = await startRemoteNode(t, engine);
  for (const name of ["kept", "renamed", "deleted"]) {
    await createOn(one, await makeVm(one, name), name);
  }
  for (const ref of ["kept", "deleted"]) await pushTo(one, { ref });
  await one.daemon.stop();
  const backup = join(one.scratch, "backup");
  await promisify(execFile)("cp", ["-a", one.root, backup]);

  const again = await startRemoteNode(t, engine, { root: one.root });
  const { client } = again;
  await client.update({ ref: "renamed", name: "other", updateMask: { paths: ["name"] } });
  await pushTo(again, { ref: "other" });
  await client.delete("deleted");
  await createOn(again, await makeVm(again, "new"), "new");
  await pushTo(again, { ref: "new" });
  const digests = (await snapshotsOf(again)).map(({ digest }) => digest);
  await again.daemon.stop();

  const restored = await startRemoteNode(t, engine, { root: backup });
  const { code, rows } = await pullAll(restored);
  assert.equal(code, 0);
  assert.deepEqual(
    rows.map(({ name, outcome }) => [name, outcome]),
    [
      ["kept", "here"],
      ["deleted", "here"],
      ["other", "here"],
      ["new", "pulled"],
    ],
  );
  const found = await snapshotsOf(restored);
  const names = found.map(({ config }) => config?.name).sort();
  assert.deepEqual(names, ["deleted", "kept", "new", "renamed"]);
  for (const digest of digests) assert.ok(found.some((each) => each.digest === digest));
});
