// Tests that a damaged or lost snapshot is healed with the blocks of a peer that has the same
// snapshot.
import assert from "node:assert/strict";
import { readFile, readdir, rename, rm, symlink, truncate } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect, isStoreError, type Client } from "../../src/client/index.js";
import { eventually } from "../support/eventually.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { makeScratch } from "../support/daemon.js";
import { makeSource, piece } from "../store/contents.js";
import { startLiar } from "./liar.js";
import {
  checkContent,
  createOn,
  drainPull,
  kib,
  mib,
  pull,
  startNode,
  type Node,
} from "./nodes.js";
import { removeScratch } from "../support/scratch.js";
import { openPastMode, pastModes } from "../support/tamper.js";

interface Pair {
  readonly from: Node;
  readonly to: Node;
  readonly source: string;
  readonly id: string;
  /** Names the directory of the snapshot on `to`. */
  readonly stored: string;
}

async function startPair(t: TestContext): Promise<Pair> {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeVm(join(from.scratch, "source"));
  await createOn(from, source, "web", { tier: "one" });
  const { snapshot } = await pull(to, { source: from.address, ref: "web" });
  const id = snapshot.config?.id ?? "";
  return { from, to, source, id, stored: join(to.root, "data", id) };
}

function makeVm(directory: string): Promise<string> {
  return makeSource(directory, [
    { name: "disk", sizeBytes: 9 * mib, pieces: [piece(mib, 2 * mib)], mode: 0o640 },
    { name: "empty", sizeBytes: 0, pieces: [] },
    { name: "memory", sizeBytes: 8 * mib + 777, pieces: [piece(0, 6 * mib), piece(8 * mib, 777)] },
  ]);
}

async function isIntact(client: Client, ref: string): Promise<boolean> {
  let intact = true;
  for await (const { event } of client.verify({ ref })) {
    if (event.case === "verdict") intact &&= event.value.intact;
  }
  return intact;
}

async function overwrite(path: string, offset: number, length: number): Promise<void> {
  await using handle = await openPastMode(path);
  await handle.write(Buffer.alloc(length, 0x5a), 0, length, offset);
}

function cut(path: string, sizeBytes: number): Promise<void> {
  return pastModes(path, () => truncate(path, sizeBytes));
}

interface Damage {
  readonly what: string;
  readonly strike: (stored: string) => Promise<void>;
  /** The number of bytes of blocks that must be sent. No more may be sent. */
  readonly fetchedBytes: number;
}

const block = 256 * kib;

const damages: readonly Damage[] = [
  {
    what: "bytes in two blocks of one file and one of another",
    strike: async (stored) => {
      await overwrite(join(stored, "files/memory"), 100, 5);
      await overwrite(join(stored, "files/memory"), 3 * mib - 10, 10);
      await overwrite(join(stored, "files/disk"), 2 * mib, 4 * kib);
    },
    fetchedBytes: 3 * block,
  },
  {
    what: "data where a hole was",
    strike: (stored) => overwrite(join(stored, "files/disk"), 5 * mib, 4 * kib),
    fetchedBytes: 0,
  },
  {
    what: "a truncated file",
    strike: (stored) => cut(join(stored, "files/memory"), 5 * mib + 1),
    fetchedBytes: 4 * block + 777,
  },
  {
    what: "an extended file",
    strike: (stored) => cut(join(stored, "files/empty"), 10),
    fetchedBytes: 0,
  },
  {
    what: "missing files",
    strike: async (stored) => {
      for (const name of ["disk", "empty"]) {
        const path = join(stored, "files", name);
        await pastModes(path, () => rm(path));
      }
    },
    fetchedBytes: 2 * mib,
  },
  {
    what: "a link in place of a file",
    strike: async (stored) => {
      const path = join(stored, "files/memory");
      await pastModes(path, async () => {
        await rename(path, join(stored, "../../elsewhere"));
        await symlink("../../../elsewhere", path);
      });
    },
    fetchedBytes: 6 * mib + 777,
  },
  {
    what: "a missing directory of files",
    strike: (stored) => removeScratch(join(stored, "files")),
    fetchedBytes: 8 * mib + 777,
  },
  {
    what: "damaged and missing block tables, and no manifest",
    strike: async (stored) => {
      await overwrite(join(stored, "blocks/0000.blk"), 50, 4);
      await rm(join(stored, "blocks/0002.blk"));
      await rm(join(stored, "manifest.json"));
    },
    fetchedBytes: 0,
  },
];

test("each kind of damage is healed, and only missing blocks are sent", async (t) => {
  const { from, to, source, id, stored } = await startPair(t);
  for (const { what, strike, fetchedBytes } of damages) {
    await t.test(what, async () => {
      await strike(stored);
      const request = { source: from.address, ref: "web", repair: true };
      const { snapshot, progress } = await pull(to, request);
      assert.equal(snapshot.config?.id, id);
      assert.equal(snapshot.corrupt, false);
      assert.equal(Number(progress.changedBytes), fetchedBytes);
      assert.ok(await isIntact(to.client, "web"));
      await checkContent(to, "web", source);
      for await (const { event } of to.client.check({})) {
        assert.notEqual(event.case, "finding", JSON.stringify(event.value, String));
      }
      assert.deepEqual(await readdir(join(to.root, "transfers")), []);
    });
  }
});

test("healing an intact snapshot contacts no peer and changes nothing", async (t) => {
  const { to, source } = await startPair(t);
  const { progress } = await pull(to, { source: "127.0.0.1:1", ref: "web", repair: true });
  assert.equal(progress.sentBytes, 0n);
  await checkContent(to, "web", source);
});

test("a snapshot without its directory is restored with its id, name and labels", async (t) => {
  const { from, to, source, id, stored } = await startPair(t);
  await removeScratch(stored);
  const repair = { source: from.address, ref: id, repair: true };
  const { snapshot } = await pull(to, repair);
  assert.equal(snapshot.config?.id, id);
  assert.deepEqual(snapshot.config?.labels, { tier: "one" });
  assert.ok(await isIntact(to.client, "web"));
  await checkContent(to, "web", source);
});

test("a snapshot that a start reported as lost is restored too, and survives the next start", async (t) => {
  const from = await startNode(t);
  const source = await makeVm(join(from.scratch, "source"));
  await createOn(from, source, "web", { tier: "one" });
  const root = join(await makeScratch(t, "stasis-lost-"), "root");
  let id: string;
  {
    await using daemon = await startDaemonProcess(root);
    await using client = connect(daemon.address);
    await drainPull(client, { source: from.address, ref: "web" });
    id = (await client.inspect("web")).snapshot?.config?.id ?? "";
  }
  await removeScratch(join(root, "data", id));
  for (const round of ["lost", "again"]) {
    await using daemon = await startDaemonProcess(root);
    await using client = connect(daemon.address);
    if (round === "lost") {
      await assert.rejects(client.inspect(id), /is lost/);
      const request = { source: from.address, ref: id, repair: true };
      await drainPull(client, request);
    }
    const { snapshot } = await client.inspect({ ref: "web" });
    assert.equal(snapshot?.config?.id, id);
    assert.deepEqual((await client.list({ filter: { labels: { tier: "one" } } })).totalSize, 1n);
    assert.ok(await isIntact(client, "web"));
  }
});

test("a peer without the snapshot, or with wrong data, leaves the snapshot unchanged", async (t) => {
  const { from, to, stored } = await startPair(t);
  await overwrite(join(stored, "files/memory"), 0, 10);
  const before = await readFile(join(stored, "files/memory"));
  const stranger = await startNode(t);
  const liar = await startLiar(t, from.client, {
    async *blocks(truth) {
      for await (const message of truth) {
        yield { ...message, data: Uint8Array.from(message.data, (byte) => byte ^ 1) };
      }
    },
  });
  const twister = await startLiar(t, from.client, {
    async *manifest(truth) {
      for await (const message of truth) {
        if (message.part.case === "snapshot") message.part.value.files.pop();
        yield message;
      }
    },
  });
  for (const [source, reason] of [
    [stranger.address, "SNAPSHOT_NOT_FOUND"],
    [liar, "PEER_DATA_INVALID"],
    [twister, "PEER_DATA_INVALID"],
    ["127.0.0.1:1", "DAEMON_UNREACHABLE"],
  ] as const) {
    await assert.rejects(pull(to, { source, ref: "web", repair: true }), { reason });
    assert.ok(before.equals(await readFile(join(stored, "files/memory"))));
    assert.equal((await to.client.inspect("web")).snapshot?.corrupt, true);
  }
  await pull(to, { source: from.address, ref: "web", repair: true });
  assert.ok(await isIntact(to.client, "web"));
});

test("readers during repairs get the right bytes or an error", async (t) => {
  const { from, to, source, stored } = await startPair(t);
  const expected = await readFile(join(source, "memory"));
  let stopped = false;
  let [right, refused] = [0, 0];
  const readers = [1, 2].map(async () => {
    while (!stopped) {
      try {
        const download = await to.client.restore({ ref: "web", verify: true });
        const bytes: Buffer[] = [];
        for await (const chunk of download.bytes) bytes.push(Buffer.from(chunk));
        assert.ok(Buffer.concat(bytes).includes(expected.subarray(0, 6 * mib)));
        right += 1;
      } catch (error) {
        assert.ok(isStoreError(error, "STORED_DATA_CORRUPT"), String(error));
        refused += 1;
        await pause(5);
      }
    }
  });
  for (let round = 0; round < 6; round += 1) {
    await overwrite(join(stored, "files/memory"), round * block, 100);
    await pull(to, { source: from.address, ref: "web", repair: true });
    const before = right;
    await eventually("a read after the repair", () => right > before);
  }
  stopped = true;
  await Promise.all(readers);
  t.diagnostic(`${right} right, ${refused} refused`);
  assert.ok(refused > 0, "none of them came in between");
});

test("after a daemon was killed during repairs, the next call completes the snapshot", async (t) => {
  const from = await startNode(t);
  const source = await makeVm(join(from.scratch, "source"));
  const stored = await createOn(from, source, "web");
  const root = join(await makeScratch(t, "stasis-mend-"), "root");
  const request = { source: from.address, ref: "web", repair: true };
  const directory = (id: string) => join(root, "data", id, "files");
  let id = "";
  for (const doneBytes of [0, 3]) {
    {
      await using daemon = await startDaemonProcess(root);
      await using client = connect(daemon.address);
      if (id === "") {
        await drainPull(client, { ...request, repair: false });
        id = (await client.inspect("web")).snapshot?.config?.id ?? "";
      }
      await overwrite(join(directory(id), "memory"), 0, 6 * mib);
      const slow = { ...request, limitBytesPerSecond: BigInt(8 * mib) };
      const ended = drainPull(client, slow).catch(() => undefined);
      await eventually("the repair", async () => {
        const [transfer] = (await client.listTransfers()).transfers;
        return transfer?.progress !== undefined && transfer.progress.doneBytes >= doneBytes * mib;
      });
      await daemon.kill();
      await ended;
    }
    await using daemon = await startDaemonProcess(root);
    await using client = connect(daemon.address);
    await drainPull(client, request);
    const { snapshot } = await client.inspect("web");
    assert.equal(snapshot?.digest, stored.digest);
    assert.equal(snapshot.corrupt, false);
    assert.ok(await isIntact(client, "web"));
  }
});
