// Tests `stasis support-bundle` with the real program and real daemons: what the bundle contains,
// which callers receive one, and what it says if the daemon does not answer.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { buildInfo } from "../../src/base/build-info.js";
import { connect } from "../../src/client/index.js";
import { createOn } from "../replication/nodes.js";
import { makeSmallSource } from "../store/contents.js";
import { flip } from "../store/damages.js";
import { takeBundle, unpackBundle } from "../support/bundle.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { parsePage } from "../observe/samples.js";
import { mainPath, runStasis } from "../unit/cli/run-stasis.js";

const daemonFiles = [
  ...["activity.json", "check.json", "config.json", "damage.json", "gc.json", "info.json"],
  ...["log.jsonl", "metrics.txt", "ready.json", "usage.json"],
];

interface Check {
  readonly summary?: { readonly snapshots: string; readonly problems: string };
  readonly counts: Record<string, number>;
}

test("the bundle of a running daemon contains what support needs first", async (t) => {
  const scratch = await makeScratch(t, "stasis-bundle-");
  const flags = { "max-streams": "20", "gc-interval": "1h", "gc-keep-last": "1" };
  await using daemon = await startDaemonProcess(join(scratch, "root"), flags);
  await using client = connect(daemon.address);
  const source = await makeSmallSource(join(scratch, "source"));
  const { config } = await createOn({ client }, source, "first");
  await createOn({ client }, source, "second");
  const id = config?.id ?? "";
  await flip(join(scratch, "root", "data", id, "files", "cow.raw"), 64 * 1024);
  for await (const verdict of client.verify({ ref: id })) void verdict;

  const bundle = await takeBundle(scratch, ["--addr", daemon.address]);
  assert.equal(bundle.code, 0, bundle.stderr);
  assert.match(bundle.stderr, /^wrote stasis-support-\S+\.tar\.gz, .* names of snapshots/);
  assert.equal((await stat(bundle.path)).mode & 0o777, 0o600);
  const expected = ["README.txt", ...daemonFiles, "disk.json", "versions.json"];
  assert.deepEqual([...bundle.files.keys()].sort(), expected.sort());
  const readme = bundle.files.get("README.txt") ?? "";
  assert.match(readme, /Nothing is missing\.\n$/);
  for (const file of expected) assert.ok(readme.includes(file) || file === "README.txt", file);

  const { options } = bundle.json("config.json") as { options: Record<string, unknown> };
  assert.deepEqual([options["max_streams"], options["gc_interval"]], [20, "1h"]);
  const versions = bundle.json("versions.json");
  assert.deepEqual([versions["program"], versions["node"]], [buildInfo(), process.version]);
  assert.equal(typeof (versions["filesystem"] as { type: string }).type, "string");
  assert.ok(Number(bundle.json("disk.json")["freeBytes"]) > 0);
  const { summary, counts } = bundle.json("check.json") as unknown as Check;
  assert.deepEqual(summary, { snapshots: "2", problems: "1" });
  assert.deepEqual(counts, { FINDING_KIND_MARKED_CORRUPT: 1 });
  assert.equal(bundle.json("damage.json")["damagedTotal"], 1);
  assert.deepEqual(bundle.json("gc.json")["byReason"], [
    { reason: "KEEP_LAST", count: 1, bytes: Number(bundle.json("gc.json")["freedBytes"]) },
  ]);
  const log = (bundle.files.get("log.jsonl") ?? "").trim().split("\n");
  const messages = log.map((line) => (JSON.parse(line) as { message: string }).message);
  assert.ok(messages.includes("started") && messages.includes("audit"), messages.join(", "));
  const page = parsePage(bundle.files.get("metrics.txt") ?? "");
  assert.equal(page.get('stasis_snapshots{state="ready"}'), 2);
  // Writing a bundle changes nothing in the store.
  assert.equal((await client.list({})).snapshots.length, 2);
});

test("a bundle replaces a file only with --force, and an incomplete bundle is removed", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const file = join(scratch, "here.tar.gz");
  await writeFile(file, "something else");
  const args = ["support-bundle", file, "--addr", address];
  const refused = await runStasis(args);
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /here\.tar\.gz exists already\nhint: Add --force \(-f\)/);
  const forced = await runStasis([...args, "--force", "--json"]);
  assert.equal(forced.code, 0, forced.stderr);
  const { size } = await stat(file);
  assert.deepEqual(JSON.parse(forced.stdout), { file, bytes: size, missing: [] });
  assert.ok((await unpackBundle(file)).files.has("info.json"));
  assert.deepEqual(
    (await readdir(scratch)).filter((name) => name.includes("partial")),
    [],
  );
});

test("with stdout as the target, the archive is on stdout and the answer on stderr", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const child = spawn(process.execPath, [mainPath, "support-bundle", "-", "--addr", address], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 0);
  const path = join(scratch, "piped.tar.gz");
  await writeFile(path, Buffer.concat(chunks));
  assert.ok((await unpackBundle(path)).files.has("metrics.txt"));
});

test("readers receive the reason instead of a bundle", async (t) => {
  const { address, scratch } = await startTestDaemon(t, { "socket-role": "reader" });
  const file = join(scratch, "no.tar.gz");
  const refused = await runStasis(["support-bundle", file, "--addr", address]);
  assert.equal(refused.code, 10, refused.stderr);
  assert.match(refused.stderr, /for operators without a prefix: unix is a reader/);
  await assert.rejects(stat(file), /ENOENT/);
});

test("without a daemon the bundle has what the machine knows, and names what is missing", async (t) => {
  const scratch = await makeScratch(t, "stasis-bundle-");
  const root = join(scratch, "root");
  const daemon = await startDaemonProcess(root);
  await daemon.kill();
  const configFile = join(scratch, "stasis.toml");
  await writeFile(configFile, `root = "${root}"\nmax_streams = 21\n`);
  const args = ["--addr", daemon.address, "--config", configFile];
  const bundle = await takeBundle(scratch, args);
  assert.equal(bundle.code, 6, bundle.stderr);
  const there = ["README.txt", "config-file.json", "disk.json", "versions.json"];
  assert.deepEqual([...bundle.files.keys()].sort(), there);
  const { options } = bundle.json("config-file.json") as { options: Record<string, unknown> };
  assert.equal(options["max_streams"], 21);
  assert.equal(bundle.json("disk.json")["root"], root);
  assert.match(
    JSON.stringify(bundle.json("disk.json")["entries"]),
    /"catalog.db":"[\d.]+ KiB \(\d+ bytes\)"/,
  );
  const [, missing = ""] = (bundle.files.get("README.txt") ?? "").split("Not collected:");
  for (const file of daemonFiles) {
    assert.match(missing, new RegExp(`^${file} `, "m"));
    assert.match(bundle.stderr, new RegExp(`not collected: ${file}: no admin socket answers`));
  }
  assert.match(missing, /instead: journalctl -u stasis/);
  assert.match(missing, /instead: stasis check --root DIR/);
});

test("a daemon that hangs does not prevent the rest from being collected", async (t) => {
  const scratch = await makeScratch(t, "stasis-bundle-");
  await using daemon = await startDaemonProcess(join(scratch, "root"));
  daemon.signal("SIGSTOP");
  const args = ["--addr", daemon.address, "--root", join(scratch, "root"), "--timeout", "1s"];
  const bundle = await takeBundle(scratch, args);
  daemon.signal("SIGCONT");
  assert.equal(bundle.code, 6);
  assert.match(bundle.stderr, /not collected: info\.json: .*no answer within 1 s/);
  assert.equal(bundle.json("disk.json")["root"], join(scratch, "root"));
});

test("a bundle needs the daemon's machine, so a TCP address is refused", async () => {
  const refused = await runStasis(["support-bundle", "--addr", "127.0.0.1:1"]);
  assert.equal(refused.code, 7);
  assert.match(refused.stderr, /stasis support-bundle needs a socket/);
});
