// Tests that quotas limit the actual disk space. Invisible snapshots, metadata and all kinds of
// uploads at the same time count too.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type Client } from "../../src/client/index.js";
import { spaceBelow } from "../../src/files/leftovers.js";
import { emptyConfig, type SnapshotConfig } from "../../src/model/config.js";
import { startScene, type AccessScene } from "../access/callers.js";
import { endMarker } from "../hostile/hostile-case.js";
import { createOn, drainPull, startNode } from "../replication/nodes.js";
import { kib, makeSource, mib, piece, streamOf } from "../store/contents.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { patternBytes, withScratchDir } from "../support/scratch.js";
import { rawFile } from "../unit/archive/support.js";
import { owned } from "../support/chunks.js";
import { never, openTestStore, requestFor } from "../unit/store/support.js";

function tarOf(files: Readonly<Record<string, Buffer>>): Buffer {
  return Buffer.concat([
    ...Object.entries(files).map(([name, bytes]) => rawFile(name, bytes)),
    endMarker,
  ]);
}

function memoryOf(bytes: number, seed = 1): Buffer {
  return tarOf({ memory: patternBytes(bytes, seed) });
}

function tenantOf(scene: AccessScene, namePrefix: string): Client {
  const token = scene.newToken({ name: `of-${namePrefix}`, role: "writer", namePrefix });
  return scene.client(scene.tcpAddress, { tls: scene.tls(), token });
}

const large = memoryOf(24 * mib);
const put = (client: Client, name: string, tar: Buffer = large, replace = false) =>
  client.create({ config: { name }, onNameConflict: replace ? 2 : 1 }, streamOf(tar));

/** Begins to read, and pauses until `finish` is called. */
async function readHalf(client: Client, ref: string): Promise<{ finish(): Promise<number> }> {
  const download = await client.restore(ref);
  const bytes = download.bytes[Symbol.asyncIterator]();
  const first = await bytes.next();
  return {
    finish: async () => {
      let total = 0;
      for (let next = first; next.done !== true; next = await bytes.next()) {
        total += next.value.length;
      }
      return total;
    },
  };
}

for (const [limit, key] of [
  ["max_store", "max-store"],
  ["prefix_quota", "prefix-quota"],
] as const) {
  test(`${limit}: a deleted snapshot counts for its owner while it is read`, async (t) => {
    const scene = await startScene(t, { flags: { [key]: "40MiB" } });
    const [a, b] = [tenantOf(scene, "a/"), tenantOf(scene, "b/")];
    await put(a, "a/1");
    const reading = await readHalf(a, "a/1");
    await a.delete({ refs: ["a/1"] });
    assert.equal((await a.list()).totalSize, 0n);
    const error = await failsWith(put(a, "a/2"), "STORAGE_FULL");
    assert.equal(error.metadata["limit"], limit);
    if (limit === "prefix_quota") {
      assert.ok(Number(error.metadata["held"]) > 24 * mib);
      assert.match(error.message, /deleted or replaced snapshots that are still in use/);
      await put(b, "b/1");
    }
    const usage = (await scene.client(scene.address).getInfo()).usage;
    assert.ok(usage !== undefined && usage.heldBytes > 24 * mib);
    assert.ok((await reading.finish()) > 24 * mib);
    // The daemon frees the space by itself. Until then, uploads wait.
    await put(a, "a/2");
  });

  test(`${limit}: a replaced snapshot counts while its directory is open`, async (t) => {
    const scene = await startScene(t, { flags: { [key]: "64MiB" } });
    const a = tenantOf(scene, "a/");
    const operator = scene.client(scene.address);
    await put(a, "a/1");
    const lease = await operator.openDataDirectory("a/1");
    await put(a, "a/1", memoryOf(24 * mib, 2), true);
    // Both versions exist, and a third would exceed the limit.
    await failsWith(put(a, "a/1", memoryOf(24 * mib, 3), true), "STORAGE_FULL");
    await failsWith(put(a, "a/2"), "STORAGE_FULL");
    await lease[Symbol.asyncDispose]();
    await eventually("the lease to end", async () => {
      const { usage } = await operator.getInfo();
      return usage !== undefined && usage.chargedBytes < 30 * mib;
    });
    await put(a, "a/1", memoryOf(24 * mib, 3), true);
  });
}

test("space is free for the next upload as soon as a delete has been answered", async (t) => {
  const { address } = await startTestDaemon(t, { "max-store": "40MiB" });
  const client = connect(address);
  t.after(() => client.close());
  for (let round = 0; round < 5; round += 1) {
    await put(client, "one");
    await client.delete({ refs: ["one"] });
  }
  for (let round = 0; round < 3; round += 1)
    await put(client, "two", memoryOf(15 * mib, round), true);
});

test("after a kill, a snapshot that was deleted while it was read is neither present nor counted", async (t) => {
  const scratch = await makeScratch(t, "stasis-quota-");
  const root = join(scratch, "root");
  {
    await using daemon = await startDaemonProcess(root);
    const client = connect(daemon.address);
    t.after(() => client.close());
    await put(client, "one");
    await readHalf(client, "one");
    await client.delete({ refs: ["one"] });
    const { usage } = await client.getInfo();
    assert.ok(usage !== undefined && usage.heldBytes > 24 * mib);
    assert.equal(usage.heldBytes, usage.chargedBytes);
  }
  await using daemon = await startDaemonProcess(root, { "max-store": "40MiB" });
  const client = connect(daemon.address);
  t.after(() => client.close());
  const { usage } = await client.getInfo();
  assert.deepEqual([usage?.heldBytes, usage?.chargedBytes], [0n, 0n]);
  await put(client, "one");
});

/**
 * Measures the disk space and the inodes of snapshots with this configuration, and their charge.
 */
async function measure(
  config: (n: number) => Partial<SnapshotConfig>,
  tar: Buffer,
  count: number,
): Promise<{ taken: number; charged: number }> {
  return withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const create = async (
      from: number,
      to: number,
    ): Promise<{ total: number; charged: number }> => {
      let charged = 0;
      {
        await using store = await openTestStore(root);
        for (let n = from; n < to; n += 1) {
          const request = { ...requestFor(""), config: { ...emptyConfig(), ...config(n) } };
          charged += (await store.create(request, owned(streamOf(tar)), never)).chargedBytes;
        }
      }
      // At this point the write-ahead log is empty.
      const { allocatedBytes, inodes } = await spaceBelow(root);
      return { total: allocatedBytes + inodes * 512, charged };
    };
    const { total } = await create(0, 1);
    const after = await create(1, count + 1);
    return { taken: after.total - total, charged: after.charged };
  });
}

const emptyFiles = (count: number): Buffer =>
  tarOf(Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, Buffer.alloc(0)])));
const one = tarOf({ memory: patternBytes(5000, 1) });
const long = (text: string, length: number): string => text.padEnd(length, "x");
const shapes = {
  "1,000 blob ids of 1 KiB": [
    (n: number) => ({
      name: `n${n}`,
      imageBlobIds: Array.from({ length: 1000 }, (_, k) => long(`${n}-${k}-`, 1024)),
    }),
    one,
    6,
  ],
  "1,000 blob ids as registries have them": [
    (n: number) => ({
      name: `n${n}`,
      imageBlobIds: Array.from({ length: 1000 }, (_, k) => long(`sha256:${n}-${k}-`, 71)),
    }),
    one,
    20,
  ],
  "64 long labels": [
    (n: number) => ({
      name: `n${n}`,
      labels: Object.fromEntries(
        Array.from({ length: 64 }, (_, k) => [long(`k${k}`, 60), long(`v${n}`, 250)]),
      ),
    }),
    one,
    40,
  ],
  "long texts": [
    (n: number) => ({
      name: long(`n${n}`, 120),
      image: long("i", 1024),
      imageDigest: long("d", 1024),
      hypervisor: long("h", 1024),
      network: long("w", 1024),
      description: long("d", 1000),
    }),
    one,
    40,
  ],
  "150 empty files": [(n: number) => ({ name: `n${n}` }), emptyFiles(150), 3],
  "a small file": [(n: number) => ({ name: `n${n}` }), one, 100],
} as const;

for (const [title, [config, tar, count]] of Object.entries(shapes)) {
  test(`the charge is at least the disk space: ${title}`, async (t) => {
    const { taken, charged } = await measure(config, tar, count);
    t.diagnostic(
      `${Math.round(taken / count)} bytes taken, ${Math.round(charged / count)} charged`,
    );
    assert.ok(charged >= taken, `${charged} charged for ${taken}`);
    assert.ok(charged <= 2.5 * taken, `${charged} charged for ${taken}`);
  });
}

test("a snapshot is charged for 2,000 empty files and for 1,000 blob ids", async (t) => {
  const { address } = await startTestDaemon(t, { "max-store": "12MiB" });
  const client = connect(address);
  t.after(() => client.close());
  const many = client.create({ config: { name: "files" } }, streamOf(emptyFiles(2000)));
  assert.equal((await failsWith(many, "STORAGE_FULL")).metadata["limit"], "max_store");
  const imageBlobIds = Array.from({ length: 1000 }, (_, k) => long(`${k}`, 1024));
  await failsWith(
    (async () => {
      for (const name of ["b1", "b2", "b3"]) {
        const ids = imageBlobIds.map((id) => name + id.slice(2));
        await client.create({ config: { name, imageBlobIds: ids } }, streamOf(one));
      }
    })(),
    "STORAGE_FULL",
  );
  // The refused upload uses no space.
  await client.delete({ refs: ["b1", "b2"], allowMissing: true });
  const { usage } = await client.getInfo();
  assert.ok(usage !== undefined && usage.chargedBytes - usage.heldBytes === 0n);
  // Labels that are added later must not exceed the limit either.
  const fill = async (): Promise<void> => {
    for (let n = 0; ; n += 1) {
      await client.create({ config: { name: `u${n}` } }, streamOf(memoryOf(256 * kib, n)));
    }
  };
  await failsWith(fill(), "STORAGE_FULL");
  const labels = Object.fromEntries(
    Array.from({ length: 64 }, (_, k) => [long(`k${k}`, 60), long("v", 250)]),
  );
  const updateMask = { paths: ["labels"] };
  const grow = async (): Promise<void> => {
    for (const ref of ["u0", "u1", "u2", "u3"]) await client.update({ ref, labels, updateMask });
  };
  await failsWith(grow(), "STORAGE_FULL");
  await client.delete({ refs: ["u9"] });
  await client.update({ ref: "u0", labels, updateMask });
});

test("list, inspect, info and the sums of a tenant report the same charge", async (t) => {
  const scene = await startScene(t);
  const operator = scene.client(scene.address);
  const a = tenantOf(scene, "a/");
  for (const name of ["a/1", "a/2"]) await put(a, name, one);
  await put(operator, "b/1", memoryOf(mib));
  const agree = async (): Promise<void> => {
    const { usage } = await operator.getInfo();
    const { snapshots } = await operator.list();
    const sum = snapshots.reduce((total, { chargedBytes }) => total + chargedBytes, 0n);
    assert.equal(usage?.chargedBytes, sum);
    for (const { config, chargedBytes, allocatedBytes } of snapshots) {
      const { snapshot } = await operator.inspect(config?.id ?? "");
      assert.equal(snapshot?.chargedBytes, chargedBytes);
      assert.ok(chargedBytes > allocatedBytes);
    }
  };
  await agree();
  await operator.update({ ref: "b/1", name: "b/renamed", updateMask: { paths: ["name"] } });
  await agree();
  await operator.delete({ refs: ["a/1"] });
  await eventually("its removal", async () => (await operator.getInfo()).usage?.heldBytes === 0n);
  await agree();
});

test("with uploads of all kinds at once, no two uploads use the same last bytes", async (t) => {
  const from = await startNode(t);
  const files = [{ name: "memory", sizeBytes: 8 * mib, pieces: [piece(0, 8 * mib)] }];
  await createOn(from, await makeSource(join(from.scratch, "source"), files), "pulled");
  const to = await startTestDaemon(t, { "max-store": "20MiB" });
  const client = connect(to.address);
  t.after(() => client.close());
  for (let round = 0; round < 3; round += 1) {
    const directories = [join(to.scratch, `take-${round}`), join(to.scratch, `import-${round}`)];
    for (const directory of directories) await makeSource(directory, files);
    await writeFile(
      join(directories[1] ?? "", "snapshot.json"),
      JSON.stringify({ version: 1, config: { name: "imported" } }),
    );
    const tar = memoryOf(8 * mib, round);
    const ways = {
      create: client.create({ config: { name: "created" } }, streamOf(tar)),
      taken: client.createFromDirectory({
        directory: directories[0] ?? "",
        config: { name: "taken" },
      }),
      imported: client.importFromDirectory({ directory: directories[1] ?? "" }),
      pulled: drainPull(client, { source: from.address, ref: "pulled" }),
    };
    const outcomes = await Promise.allSettled(Object.values(ways));
    const stored = outcomes.filter(({ status }) => status === "fulfilled").length;
    const whys = outcomes.map((outcome) =>
      outcome.status === "rejected" ? String(outcome.reason) : "stored",
    );
    // The quota has room for two. Even these may be refused, because each call sees the
    // reservations of the others.
    assert.ok(stored <= 2, `${stored} were stored: ${whys.join("; ")}`);
    for (const why of whys) assert.match(why, /^stored$|max_store/);
    const { usage } = await client.getInfo();
    assert.ok(usage !== undefined && usage.chargedBytes <= 20 * mib);
    for (const { digest } of (await client.listTransfers()).transfers) {
      await client.cancelTransfer({ digest });
    }
    const refs = ["created", "taken", "imported", "pulled"];
    await client.delete({ refs, allowMissing: true });
  }
});

test("the data of an interrupted pull counts until it is discarded", async (t) => {
  const from = await startNode(t);
  const to = await startNode(t, { "max-store": "32MiB" });
  const files = [{ name: "memory", sizeBytes: 24 * mib, pieces: [piece(0, 24 * mib)] }];
  await createOn(from, await makeSource(join(from.scratch, "source"), files), "web");
  const slow = { source: from.address, ref: "web", limitBytesPerSecond: BigInt(8 * mib) };
  for await (const { event } of to.client.pull(slow)) {
    if (event.case === "progress" && event.value.doneBytes > 12 * mib) break;
  }
  const kept = await eventually("the end of the pull", async () => {
    const [transfer] = (await to.client.listTransfers()).transfers;
    return transfer?.active === false && transfer;
  });
  const { usage } = await to.client.getInfo();
  assert.ok(usage !== undefined && usage.chargedBytes > 11 * mib, String(usage?.chargedBytes));
  await failsWith(put(to.client, "one"), "STORAGE_FULL");
  // The pull continues, and the store does not count the data twice.
  await drainPull(to.client, { source: from.address, ref: "web" });
  await to.client.delete({ refs: ["web"] });
  await to.client.cancelTransfer({ digest: kept.digest });
  await put(to.client, "one");
});
