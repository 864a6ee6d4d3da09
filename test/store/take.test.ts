// Tests TakeToDirectory: files that clones link to, concurrent readers, damage, other filesystems,
// quotas, and the command line.
import assert from "node:assert/strict";
import { constants, existsSync } from "node:fs";
import {
  link,
  mkdir,
  open,
  readFile,
  readdir,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  CloneMode,
  OnNameConflict,
  TakeMode,
  connect,
  restoreToLocalDirectory,
  type Client,
} from "../../src/client/index.js";
import { createLogger } from "../../src/base/logger.js";
import { loadDaemonConfig } from "../../src/config/load.js";
import { textLine } from "../../src/cli/commands/watch.js";
import { startDaemon } from "../../src/daemon/daemon.js";
import { makeScratch, startTestDaemon, type TestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { makeImage, mountImage, unmountImage } from "../support/filesystem.js";
import { cannotMount, compareFiles, withFilesystem } from "../support/scratch.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { compareDirectories, entriesOf, makeSmallSource, packDirectory } from "./contents.js";

const memory = { name: "memory-ranges", mode: CloneMode.LINK };

interface Scene extends TestDaemon {
  readonly client: Client;
  readonly source: string;
  readonly id: string;
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
  const id = snapshot?.config?.id ?? "";
  const stored = (name: string): string => join(started.root, "data", id, "files", name);
  return { ...started, client, source, id, at, stored };
}

const take = (client: Client, directory: string, maxCopyBytes?: bigint) =>
  client.takeToDirectory({
    ...{ ref: "web", directory },
    ...(maxCopyBytes === undefined ? {} : { maxCopyBytes }),
  });

const inodeOf = async (path: string): Promise<number> => (await stat(path)).ino;

/** Writes to the file as root does, which can ignore the mode. */
async function overwrite(path: string): Promise<void> {
  await using handle = await open(path, constants.O_RDWR);
  await handle.write(Buffer.from("not what was stored"), 0, 19, 100);
}

test("a file that a clone links to stays with the clone, and the directory gets a copy", async (t) => {
  const { client, source, at, root } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  const linked = await inodeOf(at("clone/memory-ranges"));
  const { files } = await take(client, at("vm"));
  const modes = new Map(files.map(({ name, mode }) => [name, mode]));
  assert.equal(modes.get("cow.raw"), TakeMode.MOVED);
  assert.ok([TakeMode.REFLINK, TakeMode.COPY].includes(modes.get("memory-ranges") ?? 0));
  assert.notEqual(await inodeOf(at("vm/memory-ranges")), linked);
  await compareDirectories(at("vm"), source);
  await overwrite(at("vm/memory-ranges"));
  await compareFiles(at("source/memory-ranges"), at("clone/memory-ranges"));
  await eventually("the rest of the snapshot to go", async () => {
    return (await entriesOf(root, "data")).length + (await entriesOf(root, "trash")).length === 0;
  });
  assert.deepEqual(await entriesOf(root, "staging"), []);
});

test("after the deletion of a link there is nothing to copy", async (t) => {
  const { client, at, stored } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  const inode = await inodeOf(stored("memory-ranges"));
  await rm(at("clone"), { recursive: true });
  const { files } = await take(client, at("vm"));
  assert.ok(files.every(({ mode, copiedBytes }) => mode === TakeMode.MOVED && copiedBytes === 0n));
  assert.equal(await inodeOf(at("vm/memory-ranges")), inode);
});

test("if a link has changed its file, the call is refused and the snapshot is marked", async (t) => {
  const { client, at } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  await overwrite(at("clone/memory-ranges"));
  await failsWith(take(client, at("vm")), "STORED_DATA_CORRUPT");
  assert.equal((await client.inspect("web")).snapshot?.corrupt, true);
  const marked = await failsWith(take(client, at("vm")), "STORED_DATA_CORRUPT");
  assert.match(marked.hint ?? "", /stasis verify/);
  assert.ok(!existsSync(at("vm")));
});

test("Verify clears a mark of damage when all data is intact, and then the snapshot can be taken", async (t) => {
  const { client, source, at, stored } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  const { mtime } = await stat(stored("memory-ranges"));
  const later = new Date(mtime.getTime() + 5000);
  await utimes(stored("memory-ranges"), later, later);
  await failsWith(take(client, at("vm")), "STORED_DATA_CORRUPT");
  for await (const { event } of client.verify({ ref: "web" })) {
    assert.ok(event.case !== "verdict" || event.value.intact);
  }
  await take(client, at("vm"));
  await compareDirectories(at("vm"), source);
});

test("a Take changes nothing for running Restores, LINK clones and hard-linked children", async (t) => {
  const { client, source, at, stored } = await openScene(t);
  await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
  // The hypervisor itself links the memory of a clone into the clone's child.
  await mkdir(at("child"));
  await link(at("clone/memory-ranges"), at("child/memory-ranges"));
  const download = await client.restore({ ref: "web", verify: true });
  {
    await using reading = download;
    const error = await failsWith(take(client, at("vm")), "SNAPSHOT_IN_USE");
    assert.match(error.message, /is read by Restore/);
    assert.ok(!existsSync(at("vm")));
    let bytes = 0;
    for await (const chunk of reading.bytes) bytes += chunk.length;
    assert.ok(bytes > 0, "the stream is whole: its trailer was checked");
  }
  await restoreToLocalDirectory(client, { ref: "web" }, at("restored"));
  const before = await readFile(stored("memory-ranges"));
  await eventually("the end of the streams", () =>
    take(client, at("vm")).catch((error: unknown) => {
      assert.match(String(error), /is read by/);
      return undefined;
    }),
  );
  for (const name of await readdir(at("vm"))) await writeFile(join(at("vm"), name), "a running VM");
  for (const place of ["clone", "child"]) {
    assert.ok(before.equals(await readFile(at(`${place}/memory-ranges`))), place);
  }
  await compareFiles(at("source/cow.raw"), at("clone/cow.raw"));
  await compareDirectories(at("restored"), source);
});

test("a running clone keeps the snapshot in the store", async (t) => {
  const { client, at } = await openScene(t);
  const outcomes = await Promise.allSettled([
    ...["a", "b", "c"].map((name) => client.cloneToDirectory({ ref: "web", directory: at(name) })),
    take(client, at("vm")),
  ]);
  // Whichever call won, each clone is whole or does not exist.
  const taken = outcomes.pop();
  for (const [index, { status }] of outcomes.entries()) {
    const directory = at(["a", "b", "c"][index] ?? "");
    if (status === "fulfilled") await compareDirectories(directory, at("source"));
    else assert.ok(!existsSync(directory));
  }
  assert.equal(existsSync(at("vm")), taken?.status === "fulfilled");
  if (taken?.status === "rejected") await take(client, at("vm"));
  await compareDirectories(at("vm"), at("source"));
});

test("without shared blocks, a Take copies no more than its limit", async (t) => {
  const why = cannotMount("ext4");
  if (why !== false) return t.skip(why);
  await withFilesystem("tmpfs", 32, async (mountPoint) => {
    const at = (name: string): string => join(mountPoint, name);
    const flags = { root: at("root"), reserve: "0", "drain-grace": "1s" };
    const { config } = loadDaemonConfig({ flags });
    await using daemon = await startDaemon({ config, logger: createLogger("silent") });
    await using client = connect(daemon.addresses[0] ?? "");
    const source = await makeSmallSource(at("source"));
    await client.create({ config: { name: "web" } }, packDirectory(source));
    await client.cloneToDirectory({ ref: "web", directory: at("clone"), files: [memory] });
    const error = await failsWith(take(client, at("vm"), 1000n), "REFLINK_UNSUPPORTED");
    assert.match(error.hint ?? "", /raise the limit on copied bytes/);
    assert.match(error.message, /memory-ranges .* has 1 other hard link/);
    assert.ok(!existsSync(at("vm")));
    await failsWith(take(client, at("vm"), -1n), "FIELD_INVALID");
    const { files } = await take(client, at("vm"));
    const copied = files.find(({ name }) => name === "memory-ranges");
    assert.equal(copied?.mode, TakeMode.COPY);
    assert.ok(Number(copied.copiedBytes) > 0);
    await compareDirectories(at("vm"), source);
  });
});

test("a directory on another filesystem is refused, and the error names the alternative", async (t) => {
  const why = cannotMount("ext4");
  if (why !== false) return t.skip(why);
  const { client, at } = await openScene(t);
  await withFilesystem("tmpfs", 16, async (mountPoint) => {
    const error = await failsWith(take(client, join(mountPoint, "vm")), "CROSS_FILESYSTEM");
    assert.match(error.hint ?? "", /clone the snapshot and delete it/);
    assert.deepEqual(await readdir(mountPoint), []);
  });
  await take(client, at("vm"));
});

const cannotXfs = cannotMount("xfs");

test(
  "on xfs a linked file leaves the store as a copy that shares its blocks",
  { skip: cannotXfs },
  async (t) => {
    const scratch = await makeScratch(t, "stasis-take-");
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
      await client.cloneToDirectory({ ref: "web", directory, files: [memory] });
      const { files } = await take(client, at("mnt/vm"), 0n);
      const shared = files.find(({ name }) => name === "memory-ranges");
      assert.equal(shared?.mode, TakeMode.REFLINK);
      await overwrite(at("mnt/vm/memory-ranges"));
      await compareFiles(at("source/memory-ranges"), at("mnt/clone/memory-ranges"));
    } finally {
      await unmountImage(at("image"), at("mnt"));
    }
  },
);

test("a Take frees its bytes in the quota", async (t) => {
  const { client, at, root } = await openScene(t);
  const charged = async (): Promise<bigint> => (await client.getInfo()).usage?.chargedBytes ?? -1n;
  assert.ok((await charged()) > 0n);
  await take(client, at("vm"));
  await eventually("the quota to be free", async () => (await charged()) === 0n);
  assert.deepEqual(await entriesOf(root, "data"), []);
});

test("a new snapshot with the name of a snapshot that is being taken does not affect the Take", async (t) => {
  const { client, source, at } = await openScene(t);
  const second = await makeSmallSource(at("second"), 7);
  const header = { config: { name: "web" }, onNameConflict: OnNameConflict.REPLACE };
  const [taken, stored] = await Promise.allSettled([
    take(client, at("vm")),
    client.create(header, packDirectory(second)),
  ]);
  assert.equal(stored.status, "fulfilled");
  if (taken.status === "fulfilled") {
    const wasFirst = taken.value.snapshot?.config?.id !== stored.value.snapshot?.config?.id;
    await compareDirectories(at("vm"), wasFirst ? source : second);
  }
});

test("stasis take moves a snapshot, and watch reports the move", async (t) => {
  const { client, address, at, source } = await openScene(t);
  const controller = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const event of client.watch({}, { signal: controller.signal })) {
      seen.push(textLine(event));
    }
  })().catch(() => undefined);
  await eventually("the watch", () => seen.length > 0);
  const refused = await runStasis(["--addr", address, "take", "web", at("source")]);
  assert.match(refused.stderr, /expected an absent or empty directory/);
  assert.equal(refused.code, 5);
  const requestId = "0f8fad5b-d9cb-469f-a165-70867728950e";
  const args = ["--addr", address, "take", "web", at("vm"), "--request-id", requestId];
  const { code, stderr } = await runStasis(args);
  assert.equal(code, 0, stderr);
  assert.equal((await runStasis(args)).code, 0, "a retry gets the first answer");
  assert.match(stderr, /moved .*web.* to .*vm: 4 files moved/);
  await compareDirectories(at("vm"), source);
  await eventually("the event", () => seen.some((line) => /moved to a directory/.test(line)));
  controller.abort();
  await watching;
});
