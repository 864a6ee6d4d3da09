// Tests CloneToDirectory: working copies do not depend on the snapshot, and changed links are
// found.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { mkdir, open, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import {
  CloneMode,
  connect,
  restoreToLocalDirectory,
  type Client,
} from "../../src/client/index.js";
import { createLogger } from "../../src/base/logger.js";
import { loadDaemonConfig } from "../../src/config/load.js";
import { startDaemon } from "../../src/daemon/daemon.js";
import { makeScratch, startTestDaemon, type TestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { makeImage, mountImage, unmountImage } from "../support/filesystem.js";
import { cannotMount, compareFiles, withFilesystem } from "../support/scratch.js";
import { makeSmallSource, packDirectory } from "./contents.js";

const names = ["config.json", "cow.raw", "memory-ranges", "state.json"];
const memory = { name: "memory-ranges", mode: CloneMode.LINK };

interface Scene extends TestDaemon {
  readonly client: Client;
  readonly source: string;
  readonly at: (name: string) => string;
  readonly stored: (name: string) => string;
}

async function openScene(t: TestContext): Promise<Scene> {
  const started = await startTestDaemon(t);
  const client = connect(started.address);
  t.after(() => client.close());
  const at = (name: string): string => join(started.scratch, name);
  const source = await makeSmallSource(at("source"));
  const { snapshot } = await client.create({ config: { name: "web" } }, packDirectory(source));
  const stored = (name: string): string =>
    join(started.root, "data", snapshot?.config?.id ?? "", "files", name);
  return { ...started, client, source, at, stored };
}

const inodeOf = async (path: string): Promise<number> => (await stat(path)).ino;

test("by default a clone has the same files, holes and modes, and is independent", async (t) => {
  const { client, source, at } = await openScene(t);
  const answer = await client.cloneToDirectory({ ref: "web", directory: at("clone") });
  assert.deepEqual(
    answer.files.map(({ name }) => name),
    names,
  );
  assert.equal(answer.durable, false);
  assert.deepEqual((await readdir(at("clone"))).sort(), names, "and no envelope");
  for (const name of names) {
    await compareFiles(join(source, name), join(at("clone"), name));
    const [before, after] = await Promise.all(
      [source, at("clone")].map((d) => stat(join(d, name))),
    );
    assert.equal((after?.mode ?? 0) & 0o777, (before?.mode ?? 0) & 0o777, name);
    assert.ok((after?.blocks ?? 0) <= (before?.blocks ?? 0) + 8, "holes stay holes");
  }
  await writeFile(join(at("clone"), "cow.raw"), "changed");
  await restoreToLocalDirectory(client, { ref: "web" }, at("restored"));
  await compareFiles(join(source, "cow.raw"), join(at("restored"), "cow.raw"));
  await client.delete({ refs: ["web"] });
  assert.deepEqual((await readdir(at("clone"))).sort(), names);
});

test("each file is made in the requested way, and the answer reports the way", async (t) => {
  const { client, at, stored } = await openScene(t);
  await mkdir(at("clone"));
  const { files, durable } = await client.cloneToDirectory({
    ref: "web",
    directory: at("clone"),
    files: [memory, { name: "state.json", mode: CloneMode.SKIP }],
    defaultMode: CloneMode.COPY,
    durable: true,
  });
  assert.equal(durable, true);
  const modes = Object.fromEntries(files.map(({ name, mode }) => [name, mode]));
  assert.deepEqual(modes, {
    "config.json": CloneMode.COPY,
    "cow.raw": CloneMode.COPY,
    "memory-ranges": CloneMode.LINK,
    "state.json": CloneMode.SKIP,
  });
  for (const { mode, sharedBytes, copiedBytes, name } of files) {
    if (mode !== CloneMode.COPY) assert.equal(copiedBytes, 0n, name);
    if (mode !== CloneMode.LINK) assert.equal(sharedBytes, 0n, name);
  }
  assert.deepEqual((await readdir(at("clone"))).sort(), names.slice(0, 3));
  const linked = join(at("clone"), "memory-ranges");
  assert.equal(await inodeOf(linked), await inodeOf(stored("memory-ranges")));
  await client.delete({ refs: ["web"] });
  await compareFiles(join(at("source"), "memory-ranges"), linked);
});

test("a refused clone leaves the directory unchanged", async (t) => {
  const { client, at } = await openScene(t);
  const directory = at("clone");
  const clone = (change: { files?: (typeof memory)[]; maxCopyBytes?: bigint; ref?: string }) =>
    client.cloneToDirectory({ ref: "web", directory, ...change });
  const isAbsent = async () => assert.equal(await stat(directory).catch(() => "absent"), "absent");

  const unknown = await failsWith(
    clone({ files: [{ name: "none", mode: CloneMode.COPY }] }),
    "FIELD_INVALID",
  );
  assert.match(unknown.message, /"config\.json", "cow\.raw"/);
  await isAbsent();
  await failsWith(clone({ files: [memory, memory] }), "FIELD_INVALID");
  await failsWith(clone({ maxCopyBytes: -1n }), "FIELD_INVALID");
  await failsWith(clone({ ref: "absent" }), "SNAPSHOT_NOT_FOUND");
  await isAbsent();
  await mkdir(directory);
  await writeFile(join(directory, "mine"), "");
  await failsWith(clone({}), "DIRECTORY_NOT_EMPTY");
  assert.deepEqual(await readdir(directory), ["mine"]);
});

test("without shared blocks, auto copies no more than its limit, and reflink is refused", async (t) => {
  const why = cannotMount("ext4");
  if (why !== false) return t.skip(why);
  const { client } = await openScene(t);
  await withFilesystem("tmpfs", 16, async (mountPoint) => {
    const directory = join(mountPoint, "clone");
    const isAbsent = async (): Promise<void> => {
      assert.equal(await stat(directory).catch(() => "absent"), "absent");
    };
    const reflink = { ref: "web", directory, defaultMode: CloneMode.REFLINK };
    await failsWith(client.cloneToDirectory(reflink), "REFLINK_UNSUPPORTED");
    const little = client.cloneToDirectory({ ref: "web", directory, maxCopyBytes: 10_000n });
    const error = await failsWith(little, "REFLINK_UNSUPPORTED");
    assert.match(error.hint ?? "", /limit on copied bytes/);
    await isAbsent();
    const linked = client.cloneToDirectory({ ref: "web", directory, files: [memory] });
    await failsWith(linked, "CROSS_FILESYSTEM");
    await isAbsent();
    const { files } = await client.cloneToDirectory({ ref: "web", directory });
    assert.ok(files.every(({ mode }) => mode === CloneMode.COPY));
  });
});

test("a stored file to which the system permits no links", async (t) => {
  const { client, at, stored } = await openScene(t);
  const path = stored("memory-ranges");
  // The attribute makes the file immutable (ioctl_iflags(2)).
  const lock = await promisify(execFile)("chattr", ["+i", path]).catch(() => undefined);
  if (lock === undefined) return t.skip("skipped: this filesystem has no immutable files");
  try {
    const request = { ref: "web", directory: at("clone"), files: [memory] };
    const error = await failsWith(client.cloneToDirectory(request), "LINK_UNSUPPORTED");
    assert.match(error.hint ?? "", /Choose reflink or copy/);
    assert.equal(await stat(at("clone")).catch(() => "absent"), "absent");
  } finally {
    await promisify(execFile)("chattr", ["-i", path]);
  }
});

const cannotXfs = cannotMount("xfs");

test("on xfs a clone shares its blocks with the snapshot", { skip: cannotXfs }, async (t) => {
  const scratch = await makeScratch(t, "stasis-clone-");
  const at = (name: string): string => join(scratch, name);
  await makeImage("xfs", at("image"), 320);
  await mkdir(at("mnt"));
  await mountImage(at("image"), at("mnt"));
  try {
    const flags = { root: at("mnt/root"), reserve: "0", "drain-grace": "1s" };
    const { config } = loadDaemonConfig({ flags });
    await using daemon = await startDaemon({ config, logger: createLogger("silent") });
    await using client = connect(daemon.addresses[0] ?? "");
    const source = await makeSmallSource(at("source"));
    await client.create({ config: { name: "web" } }, packDirectory(source));
    const directory = at("mnt/clone");
    const { files } = await client.cloneToDirectory({ ref: "web", directory });
    assert.ok(files.every(({ mode }) => mode === CloneMode.REFLINK));
    assert.ok(files.every(({ copiedBytes }) => copiedBytes === 0n));
    for (const name of names) await compareFiles(join(source, name), join(directory, name));
  } finally {
    await unmountImage(at("image"), at("mnt"));
  }
});

test("a link that is created and deleted changes nothing", async (t) => {
  const { client, at, source } = await openScene(t);
  for (const turn of [1, 2, 3]) {
    const directory = at(`clone-${turn}`);
    await client.cloneToDirectory({ ref: "web", directory, files: [memory] });
    if (turn < 3) await rm(directory, { recursive: true });
  }
  await restoreToLocalDirectory(client, { ref: "web" }, at("restored"));
  for (const name of names) await compareFiles(join(source, name), join(at("restored"), name));
});

test("a snapshot whose linked file was overwritten is not read until it is verified", async (t) => {
  const { client, at, stored } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  await overwrite(join(at("clone"), "memory-ranges"));
  const error = await failsWith(
    client.cloneToDirectory({ ref: "web", directory: at("second") }),
    "STORED_DATA_CORRUPT",
  );
  assert.match(error.message, /memory-ranges was changed through a hard link/);
  const { snapshot } = await client.inspect("web");
  assert.equal(snapshot?.corrupt, true);
  await failsWith(client.restore("web"), "STORED_DATA_CORRUPT");
  await failsWith(client.openDataDirectory("web"), "STORED_DATA_CORRUPT");
  const verdicts = await verify(client);
  assert.deepEqual(verdicts, ["memory-ranges"]);
  assert.equal((await client.inspect("web")).snapshot?.corrupt, true);
  assert.equal(await inodeOf(stored("memory-ranges")), await inodeOf(at("clone/memory-ranges")));
});

test("Verify accepts a linked file that was touched and has the right bytes", async (t) => {
  const { client, at, stored } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  await utimes(stored("memory-ranges"), 1, 1);
  await failsWith(client.restore("web"), "STORED_DATA_CORRUPT");
  assert.deepEqual(await verify(client), []);
  assert.equal((await client.inspect("web")).snapshot?.corrupt, false);
  await restoreToLocalDirectory(client, { ref: "web" }, at("restored"));
});

test("the start finds a linked file that was changed while the daemon was stopped", async (t) => {
  const { daemon, client, at, config } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  await daemon.stop();
  await overwrite(join(at("clone"), "memory-ranges"));
  await using again = await startDaemon({ config, logger: createLogger("silent") });
  const second = connect(again.addresses.at(-1) ?? "");
  t.after(() => second.close());
  assert.equal((await second.inspect("web")).snapshot?.corrupt, true);
});

test("a LINK clone that becomes a new snapshot shares no file with the first one", async (t) => {
  const { client, source, at, stored, root } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  const inode = await inodeOf(stored("memory-ranges"));
  assert.equal(await inodeOf(at("clone/memory-ranges")), inode);
  const { snapshot } = await client.createFromDirectory({
    ...{ directory: at("clone"), config: { name: "back" } },
  });
  assert.equal(await stat(at("clone")).catch(() => "absent"), "absent");
  const second = join(root, "data", snapshot?.config?.id ?? "", "files", "memory-ranges");
  assert.notEqual(await inodeOf(second), inode);
  assert.deepEqual(
    [(await stat(second)).nlink, (await stat(stored("memory-ranges"))).nlink],
    [1, 1],
  );
  // The first snapshot is whole, and neither snapshot depends on the other.
  await restoreToLocalDirectory(client, { ref: "web" }, at("first"));
  await client.delete({ refs: ["web"] });
  await restoreToLocalDirectory(client, { ref: "back", verify: false }, at("second"));
  for (const name of names) {
    await compareFiles(join(source, name), join(at("first"), name));
    await compareFiles(join(source, name), join(at("second"), name));
  }
});

test("a LINK clone that is uploaded shares no file with the first snapshot", async (t) => {
  const { client, source, at, stored, root } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  const header = { config: { name: "uploaded" } };
  const { snapshot } = await client.create(header, packDirectory(at("clone")));
  const second = join(root, "data", snapshot?.config?.id ?? "", "files", "memory-ranges");
  assert.notEqual(await inodeOf(second), await inodeOf(stored("memory-ranges")));
  await compareFiles(join(source, "memory-ranges"), second);
});

/** Writes to the file as root does, which can ignore the mode. */
async function overwrite(path: string): Promise<void> {
  await using handle = await open(path, constants.O_RDWR);
  await handle.write(Buffer.from("not what was stored"), 0, 19, 100);
}

/** Returns the names of the files that are not intact. */
async function verify(client: Client): Promise<string[]> {
  const damaged: string[] = [];
  for await (const { event } of client.verify({ ref: "web" })) {
    if (event.case === "verdict" && !event.value.intact) damaged.push(event.value.file);
  }
  return damaged;
}
