// Tests data of a newer stasis. A newer store is refused before any change. A newer manifest, table
// or other file is never treated as damage: no operation marks, moves or overwrites it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstat, mkdir, readFile, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../src/base/logger.js";
import { StoreError, connect, type Client, type VerifyVerdict } from "../../src/client/index.js";
import { changeTokenFile, readTokenFile } from "../../src/config/token-file.js";
import { blockTableName } from "../../src/files/layout.js";
import type { Repaired } from "../../src/model/finding.js";
import { repairUnserved } from "../../src/store/offline.js";
import { claimFormat, requireKnownFormat, storeFormat } from "../../src/files/store-format.js";
import { newSnapshotId } from "../../src/model/name.js";
import { checkContent, drainPull, pull, startNode } from "../replication/nodes.js";
import { findingsIn } from "../support/clean.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { failsWith } from "../support/errors.js";
import { reopen } from "../support/reopen.js";
import { withScratchDir } from "../support/scratch.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { tamper, withStoredScene, type StoredScene } from "./stored-scene.js";
import { storeDefaults } from "../support/defaults.js";

const never = new AbortController().signal;
const thorough = { dryRun: false, deep: true, limitBytesPerSecond: 0 };

/**
 * Maps every path below a directory to its mode, its times of modification and change, and a digest
 * of its bytes.
 */
async function stateOf(root: string): Promise<Record<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const state: Record<string, string> = {};
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const { mode, mtimeMs, ctimeMs } = await lstat(path);
    const bytes = entry.isFile() ? await readFile(path) : "";
    state[path] =
      `${mode} ${mtimeMs} ${ctimeMs} ${createHash("sha256").update(bytes).digest("hex")}`;
  }
  return state;
}

function manifestPath({ layout, a }: StoredScene): string {
  return join(layout.dataDirectory(a.config.id), "manifest.json");
}

function tablePath({ layout, a }: StoredScene, index: number): string {
  return join(layout.dataDirectory(a.config.id), "blocks", blockTableName(index));
}

/**
 * Writes a manifest as a newer stasis would: with another version, an unknown field, and the right
 * checksum.
 */
async function makeManifestNewer(scene: StoredScene): Promise<Buffer> {
  const { manifest } = JSON.parse(await readFile(manifestPath(scene), "utf8")) as {
    manifest: Record<string, unknown>;
  };
  const text = JSON.stringify({ ...manifest, version: 2, revision: 99, future: true }, null, 2);
  const checksum = createHash("sha256").update(text).digest("hex");
  const bytes = Buffer.from(`{\n"checksum": "sha256:${checksum}",\n"manifest": ${text}\n}\n`);
  await writeFile(manifestPath(scene), bytes);
  return bytes;
}

async function makeTableNewer(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  bytes.writeUInt32LE(3, 8);
  const body = bytes.subarray(0, -32);
  createHash("sha256").update(body).digest().copy(bytes, body.length);
  await writeFile(path, bytes);
  return bytes;
}

async function dropCatalog({ layout }: StoredScene): Promise<void> {
  for (const end of ["", "-wal", "-shm"]) await rm(layout.catalogDatabase + end, { force: true });
}

async function kindsIn(root: string): Promise<string[]> {
  return (await findingsIn(root)).map(({ kind, action }) => `${kind} ${action}`);
}

async function repair(root: string): Promise<Repaired[]> {
  const all: Repaired[] = [];
  for await (const repaired of repairUnserved(root, thorough, never, storeDefaults))
    all.push(repaired);
  return all;
}

test("a store of a newer format is refused with one line, before any change", () =>
  withStoredScene(async ({ root }) => {
    const writtenBy = { version: "9.1.0", commit: "abcdef012345" };
    const text = JSON.stringify({ format: storeFormat + 1, writtenBy, future: {} });
    await writeFile(join(root, "store.json"), text);
    const before = await stateOf(root);
    const refusal = new RegExp(
      `the store .*root has version ${storeFormat + 1}, this stasis knows versions up to ${storeFormat}: ` +
        "it was written by stasis 9\\.1\\.0 \\(commit abcdef012345\\)",
    );
    for (const tried of [reopen, findingsIn, repair]) {
      await assert.rejects(tried(root), { reason: "FORMAT_UNSUPPORTED", message: refusal });
    }
    const socket = join(root, "..", "s");
    const serve = ["serve", "--root", root, "--listen", "none", "--socket", socket];
    for (const args of [serve, ["check", "--root", root], ["repair", "--root", root]]) {
      const { code, stderr } = await runStasis(args);
      assert.equal(code, 5);
      const [line = "", hint = "", ...rest] = stderr.split("\n");
      assert.match(line, refusal);
      assert.match(hint, /^hint: Use that version again/);
      assert.deepEqual(rest, [""]);
    }
    assert.deepEqual(await stateOf(root), before);
    // The daemon does not read the manifests of a newer store, even if the catalog is missing.
    await rm(join(root, "catalog.db"));
    const without = await stateOf(root);
    await assert.rejects(reopen(root), { reason: "FORMAT_UNSUPPORTED" });
    assert.deepEqual(await stateOf(root), without);
  }));

test("a catalog of a newer schema is refused, even if store.json is missing", () =>
  withStoredScene(async (scene) => {
    const { root, layout } = scene;
    tamper(scene, "PRAGMA user_version = 99");
    await rm(join(root, "store.json"));
    const before = await stateOf(layout.dataRoot);
    for (const tried of [reopen, findingsIn]) {
      await assert.rejects(tried(root), {
        reason: "FORMAT_UNSUPPORTED",
        message: /the schema of the catalog .* has version 99/,
      });
    }
    assert.deepEqual(await stateOf(layout.dataRoot), before);
    assert.deepEqual(await readdir(layout.quarantineRoot), []);
  }));

test("store.json names the last writer of the store, and is rewritten when it is damaged", () =>
  withScratchDir(async (root) => {
    const path = join(root, "store.json");
    const logger = createLogger("silent");
    requireKnownFormat({ root });
    await claimFormat({ root }, logger);
    const first = await readFile(path, "utf8");
    assert.equal((JSON.parse(first) as { format: number }).format, storeFormat);
    assert.equal((await lstat(path)).mode & 0o777, 0o600);
    for (const text of ["", "no JSON", "[]", '{"format":"2"}', '{"format":1}', first]) {
      await writeFile(path, text);
      requireKnownFormat({ root });
      await claimFormat({ root }, logger);
      assert.equal(await readFile(path, "utf8"), first, text);
    }
    await writeFile(path, '{"format":3}');
    await failsWith(claimFormat({ root }, logger), "FORMAT_UNSUPPORTED");
    // The daemon never reads the version through a link.
    await rename(path, join(root, "elsewhere"));
    await symlink("elsewhere", path);
    await failsWith(claimFormat({ root }, logger), "IO_FAILED");
  }));

test("every reader leaves a manifest of a newer version unchanged", () =>
  withStoredScene(async (scene) => {
    const { root, layout, a } = scene;
    const newer = await makeManifestNewer(scene);
    await mkdir(join(layout.dataDirectory(a.config.id), "future"));
    assert.deepEqual(await kindsIn(root), ["format_unsupported none"]);
    assert.deepEqual(
      (await repair(root)).map(({ outcome }) => outcome),
      ["left"],
    );
    {
      await using store = await reopen(root);
      // The daemon serves the snapshot from its record.
      const updated = await store.update({ ref: "a", description: "by an older stasis" });
      assert.equal(updated.config.description, "by an older stasis");
      assert.equal(updated.corrupt, false);
    }
    // The record is marked as newer than the manifest, yet the start does not write the manifest.
    await using _again = await reopen(root);
    assert.ok((await readFile(manifestPath(scene))).equals(newer));
  }));

test("without a record, such a snapshot is neither adopted, nor set aside, nor collected", () =>
  withStoredScene(async (scene) => {
    const { root, layout, a } = scene;
    await makeManifestNewer(scene);
    const before = await stateOf(layout.dataDirectory(a.config.id));
    await dropCatalog(scene);
    {
      await using store = await reopen(root);
      assert.equal(store.recovery.quarantined, 0);
      assert.deepEqual(
        store.list({ pageSize: 10 }).snapshots.map(({ config }) => config.name),
        ["b"],
      );
      assert.deepEqual(await store.collectGarbage({ policy: {}, dryRun: false }, never), []);
    }
    assert.deepEqual(await kindsIn(root), ["format_unsupported none"]);
    await repair(root);
    assert.deepEqual(await stateOf(layout.dataDirectory(a.config.id)), before);
    assert.deepEqual(await readdir(layout.quarantineRoot), []);
  }));

interface Verified {
  readonly verdicts: readonly VerifyVerdict[];
  readonly error: StoreError | undefined;
}

async function verify(client: Client, ref: string): Promise<Verified> {
  const verdicts: VerifyVerdict[] = [];
  try {
    for await (const { event } of client.verify({ ref })) {
      if (event.case === "verdict") verdicts.push(event.value);
    }
    return { verdicts, error: undefined };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { verdicts, error };
  }
}

test("a newer block table is not damage: Verify, scrub, check and repair leave it unchanged", () =>
  withStoredScene(async (scene) => {
    const { root, a } = scene;
    const newer = await makeTableNewer(tablePath(scene, 2));
    assert.deepEqual(await kindsIn(root), ["format_unsupported none"]);
    await repair(root);
    {
      await using daemon = await startDaemonProcess(root);
      await using client = connect(daemon.address);
      const { verdicts, error } = await verify(client, "");
      assert.equal(error?.reason, "FORMAT_UNSUPPORTED", error?.text);
      assert.match(error.message, /block table .* has version 3/);
      assert.ok(verdicts.every(({ intact }) => intact));
      // There are verdicts for all files of the other snapshot, and for the files of this one
      // except that with the newer table.
      assert.equal(verdicts.length, 2 * a.files.length - 1);
      const verified = client.restore({ ref: "a", verify: true });
      await assert.rejects(
        verified.then(async ({ bytes }) => {
          for await (const chunk of bytes) void chunk;
        }),
        { reason: "FORMAT_UNSUPPORTED" },
      );
      assert.equal((await client.inspect("a")).snapshot?.corrupt, false);
    }
    await using store = await reopen(root);
    await store.scrub.run(0, never);
    const { last } = store.scrub.state();
    assert.equal(last?.damaged, 0);
    assert.equal(last.unreadable, 1);
    assert.equal(store.inspect("a").corrupt, false);
    assert.ok((await readFile(tablePath(scene, 2))).equals(newer));
  }));

test("a pull of newer block tables is refused as such, and a base with newer tables is skipped", (t) =>
  withStoredScene(async (scene) => {
    const to = await startNode(t);
    {
      await using daemon = await startDaemonProcess(scene.root);
      await pull(to, { source: daemon.address, ref: "a" });
    }
    // The block tables of the local copy of `a` become newer. `b` resembles `a`, but must arrive
    // completely.
    const { snapshot } = await to.client.inspect("a");
    const blocks = join(to.root, "data", snapshot?.config?.id ?? "", "blocks");
    for (const name of await readdir(blocks)) await makeTableNewer(join(blocks, name));
    await using daemon = await startDaemonProcess(scene.root);
    await pull(to, { source: daemon.address, ref: "b" });
    await checkContent(to, "b", scene.source);
    const copy = await to.client.inspect("a");
    assert.equal(copy.snapshot?.corrupt, false);
    // In the other direction, the peer serves tables unchanged, and reports that it cannot read
    // them.
    const back = await startNode(t);
    const error = await drainPull(back.client, { source: to.address, ref: "a" }).catch(
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof StoreError && error.reason === "FORMAT_UNSUPPORTED", String(error));
    assert.equal((await back.client.list({})).totalSize, 0n);
  }));

test("a directory with the origin marker of a newer stasis stays in staging", () =>
  withStoredScene(async ({ root, layout }) => {
    const staging = join(layout.stagingRoot, newSnapshotId());
    await mkdir(join(staging, "files"), { recursive: true });
    await writeFile(join(staging, "files", "memory"), "of somebody");
    await writeFile(join(staging, "origin.json"), '{"version":3,"from":"/somewhere"}\n');
    const before = await stateOf(layout.stagingRoot);
    await (await reopen(root))[Symbol.asyncDispose]();
    assert.deepEqual(await stateOf(layout.stagingRoot), before);
    assert.deepEqual(await readdir(layout.quarantineRoot), []);
  }));

test("files of a newer stasis next to the catalog are ignored and stay", () =>
  withStoredScene(async ({ root, layout }) => {
    const text = '{"version":2,"all":"different"}\n';
    for (const path of [layout.catalogMark, layout.scrubState]) await writeFile(path, text);
    {
      await using store = await reopen(root);
      assert.deepEqual(store.scrub.state(), {});
      await store.scrub.run(0, never);
      assert.equal(store.list({ pageSize: 10 }).snapshots.length, 2);
    }
    for (const path of [layout.catalogMark, layout.scrubState]) {
      assert.equal(await readFile(path, "utf8"), text);
    }
  }));

test("a token file of a newer version is refused as such and not overwritten", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "tokens.json");
    const text = '{"version":2,"tokens":{}}\n';
    await writeFile(path, text);
    const wanted = { reason: "FORMAT_UNSUPPORTED", message: /tokens\.json has version 2/ };
    assert.throws(() => readTokenFile(path), wanted);
    assert.throws(() => changeTokenFile(path, () => []), wanted);
    assert.equal(await readFile(path, "utf8"), text);
  }));

test("stasis info and --version show the build and the formats", () =>
  withStoredScene(async ({ root }) => {
    await using daemon = await startDaemonProcess(root);
    const info = await runStasis(["info", "--addr", daemon.address]);
    const version = await runStasis(["--version"]);
    assert.match(version.stdout, /^\d+\.\d+\.\d+ \(commit [\w.-]+\)\n$/);
    assert.ok(info.stdout.includes(version.stdout.trim()), info.stdout);
    assert.match(info.stdout, /Formats: +store 2, catalog \d+, manifest 1, block tables 1 and 2/);
  }));
