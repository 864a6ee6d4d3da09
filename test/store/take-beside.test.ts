// Tests that a Take, and what the caller then does in the directory, changes nothing for running
// downloads, for clones, and for snapshots that were made from the taken one.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, open, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  CloneMode,
  connect,
  createDeltaFromLocalDirectory,
  type Client,
} from "../../src/client/index.js";
import { createLogger } from "../../src/base/logger.js";
import { loadDaemonConfig } from "../../src/config/load.js";
import { startDaemon } from "../../src/daemon/daemon.js";
import { releaseRange } from "../../src/holes/native.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { cannotMount, patternBytes, withFilesystem, withScratchDir } from "../support/scratch.js";
import { kib, makeSource, mib, packDirectory, piece } from "./contents.js";

const file = "memory-ranges";
const linkOf = { name: file, mode: CloneMode.LINK };
/** The data exceeds the buffers of a connection, so a stream that nobody reads cannot end. */
const memoryBytes = 10 * mib;

interface Scene {
  readonly client: Client;
  readonly at: (name: string) => string;
}

async function withScene(directory: string, body: (scene: Scene) => Promise<void>): Promise<void> {
  const at = (name: string): string => join(directory, name);
  const flags = { root: at("root"), reserve: "0", "drain-grace": "1s" };
  const { config } = loadDaemonConfig({ flags });
  await using daemon = await startDaemon({ config, logger: createLogger("silent") });
  await using client = connect(daemon.addresses[0] ?? "");
  await makeSource(at("source"), [
    { name: "cow.raw", sizeBytes: 3 * mib, pieces: [piece(64 * kib, 8 * kib + 1)] },
    { name: file, sizeBytes: memoryBytes + mib, pieces: [piece(mib, memoryBytes)] },
    { name: "state.json", sizeBytes: 3001, pieces: [piece(0, 3001)] },
  ]);
  await client.create({ config: { name: "web" } }, packDirectory(at("source")));
  await body({ client, at });
}

/** Makes clones of `web`, and snapshots that descend from it. Returns the names of both. */
async function makeRelatives({ client, at }: Scene): Promise<Relatives> {
  await client.cloneToDirectory({ ref: "web", directory: at("linked"), files: [linkOf] });
  await client.cloneToDirectory({ ref: "web", directory: at("own") });
  // A hypervisor links the memory of its clone into the directories of two new snapshots.
  for (const name of ["adopted", "twice"]) {
    await mkdir(at(`${name}-directory`));
    await link(at(`linked/${file}`), at(`${name}-directory/${file}`));
    await client.createFromDirectory({ directory: at(`${name}-directory`), config: { name } });
  }
  const delta = { parent: "web", deltaFiles: [file], inheritFiles: true };
  const pieces = [piece(2 * mib, 4 * kib), piece(6 * mib, 300 * kib)];
  for (const name of ["sent", "direct"]) {
    await makeSource(at(name), [{ name: file, sizeBytes: memoryBytes + mib, pieces }]);
  }
  const config = { name: "sent" };
  await createDeltaFromLocalDirectory(client, at("sent"), { config, ...delta });
  const directory = at("direct");
  await client.createDeltaFromDirectory({ config: { name: "direct" }, ...delta, directory });
  const children = ["adopted", "twice", "sent", "direct"];
  for (const name of children) {
    await eventually(`the digests of ${name}`, async () => {
      return (await client.inspect(name)).snapshot?.digest !== "";
    });
  }
  // A clone of a child shares the inode of the child.
  await client.cloneToDirectory({ ref: "adopted", directory: at("of-child"), files: [linkOf] });
  return { clones: ["linked", "own", "of-child"], children };
}

interface Relatives {
  readonly clones: readonly string[];
  readonly children: readonly string[];
}

/** Returns a digest for each clone and child, over the names and the bytes of all its files. */
async function digestsOf({ client, at }: Scene, { clones, children }: Relatives) {
  const digests = new Map<string, string>();
  for (const name of clones) {
    const hash = createHash("sha256");
    for (const each of (await readdir(at(name))).sort()) {
      hash.update(`${each}\0`).update(await readFile(join(at(name), each)));
    }
    digests.set(name, hash.digest("hex"));
  }
  for (const ref of children) {
    await using download = await client.restore({ ref, verify: true });
    digests.set(ref, await digestOf(download.bytes));
  }
  return digests;
}

async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const each of bytes) hash.update(each);
  return hash.digest("hex");
}

/** Changes every file of the directory as a running VM does: writes, and discards blocks. */
async function overwrite(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    await using handle = await open(join(directory, name), "r+");
    const { size } = await handle.stat();
    const bytes = patternBytes(Math.min(size, mib), 99);
    for (let at = 0; at < size; at += 3 * bytes.length) {
      await handle.write(bytes, 0, Math.min(bytes.length, size - at), at);
    }
    await releaseRange(handle.fd, Math.floor(size / 2), Math.min(mib, size));
    await handle.sync();
  }
}

type Streams = readonly (AsyncDisposable & { readonly read: () => Promise<string> })[];

/** Begins downloads of the snapshot, of each kind. Nobody reads them until `read` is called. */
async function beginStreams(client: Client, ref: string): Promise<Streams> {
  const downloads = [
    await client.restore({ ref, verify: true }),
    await client.export({ ref }),
    await client.restore({ ref }),
  ];
  const reader = await client.readFile({ ref, file });
  const parts = async function* (): AsyncIterable<Uint8Array> {
    for await (const part of reader.parts) if (part.bytes !== undefined) yield part.bytes;
  };
  return [
    ...downloads.map((each) => ({
      read: () => digestOf(each.bytes),
      [Symbol.asyncDispose]: () => each[Symbol.asyncDispose](),
    })),
    { read: () => digestOf(parts()), [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() },
  ];
}

async function readAll(streams: Streams): Promise<string[]> {
  const digests: string[] = [];
  for (const stream of streams) {
    digests.push(await stream.read());
    await stream[Symbol.asyncDispose]();
  }
  return digests;
}

/** Takes the snapshot as soon as nobody reads it. Until then the call is refused. */
async function takeWhenFree({ client, at }: Scene, ref: string): Promise<void> {
  await eventually(`nobody to read ${ref}`, async () => {
    try {
      return await client.takeToDirectory({ ref, directory: at(`vm-${ref}`) });
    } catch (error) {
      assert.match(String(error), /is read by/);
      return undefined;
    }
  });
}

async function takeBesideEverything(scene: Scene): Promise<void> {
  const { client, at } = scene;
  const relatives = await makeRelatives(scene);
  const before = await digestsOf(scene, relatives);
  const wanted = await readAll(await beginStreams(client, "web"));
  const streams = await beginStreams(client, "web");
  // Each kind of download alone keeps the snapshot in the store.
  const digests: string[] = [];
  for (const stream of streams) {
    const refused = await failsWith(
      client.takeToDirectory({ ref: "web", directory: at("vm-web") }),
      "SNAPSHOT_IN_USE",
    );
    assert.match(refused.message, /is read by/);
    assert.ok(!existsSync(at("vm-web")));
    digests.push(await stream.read());
    await stream[Symbol.asyncDispose]();
  }
  assert.deepEqual(digests, wanted);
  const ofChildren = await Promise.all(relatives.children.map((ref) => beginStreams(client, ref)));
  await takeWhenFree(scene, "web");
  await overwrite(at("vm-web"));
  const during = await Promise.all(ofChildren.map((each) => readAll(each)));
  const after = await Promise.all(
    relatives.children.map(async (ref) => readAll(await beginStreams(client, ref))),
  );
  assert.deepEqual(during, after, "downloads of the children that ran during the Take");
  assert.deepEqual(await digestsOf(scene, relatives), before);
  await takeTheChildren(scene, relatives, before);
}

/** Takes two of the children too. The clones and the other children stay as they are. */
async function takeTheChildren(
  scene: Scene,
  { clones, children }: Relatives,
  before: ReadonlyMap<string, string>,
): Promise<void> {
  const { client, at } = scene;
  const taken = ["adopted", "direct"];
  for (const ref of taken) {
    await takeWhenFree(scene, ref);
    await overwrite(at(`vm-${ref}`));
  }
  const left = children.filter((name) => !taken.includes(name));
  for (const [name, digest] of await digestsOf(scene, { clones, children: left })) {
    assert.equal(digest, before.get(name), `${name} is as before`);
  }
  for await (const { event } of client.verify({})) {
    assert.ok(event.case !== "verdict" || event.value.intact, "Verify finds no damage");
  }
}

test("a Take changes nothing for running downloads, clones and children", async () => {
  await withScratchDir((directory) => withScene(directory, takeBesideEverything));
});

const cannotXfs = cannotMount("xfs");

test("the same on xfs, where they share blocks", { skip: cannotXfs }, async () => {
  await withFilesystem("xfs", 512, (directory) => withScene(directory, takeBesideEverything));
});
