// Tests pulls of files whose block tables are too large for a manifest or for memory.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { open, readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { BlockEncoding, connect, type Client, type Snapshot } from "../../src/client/index.js";
import { digestBytes, digestOf } from "../../src/files/block-digest.js";
import { blockBytes, rootHead, rootRecord } from "../../src/files/block-table.js";
import { snapshotDigest } from "../../src/files/manifest.js";
import { makeSmallSource, makeSource, piece } from "../store/contents.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { makeScratch } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { forgetPeak, inMib, memoryOf } from "../support/memory.js";
import { compareFiles } from "../support/scratch.js";
import { startLiar } from "./liar.js";
import { createOn, kib, mib, pull, startNode } from "./nodes.js";

/** The number of pages of data. Each is in a block of its own, so the table has 1.06 MB. */
const pages = 22_000;
const apart = 2 * mib;

test("a large table travels by range", async (t) => {
  const from = await startNode(t);
  const pieces = Array.from({ length: pages }, (_, index) => piece(index * apart, 4 * kib));
  const parent = await makeSource(join(from.scratch, "parent"), [
    { name: "memory", sizeBytes: pages * apart + 777, pieces },
    { name: "state.json", sizeBytes: 300, pieces: [piece(0, 300)] },
  ]);
  const { digest } = await createOn(from, parent, "parent", { vm: "one" });

  await t.test(
    "pulls without a base, from a local copy and with a base give the same file",
    async (inner) => {
      const to = await startNode(inner);
      const first = await pull(to, { source: from.address, ref: "parent" });
      assert.equal(first.snapshot.digest, digest);
      assert.equal(first.progress.totalBytes, BigInt(pages) * 256n * 1024n + 300n);
      assert.equal(first.progress.doneBytes, first.progress.totalBytes);
      assert.ok(
        first.progress.sentBytes < 1.1 * pages * 4 * kib,
        `${first.progress.sentBytes} sent`,
      );
      await compareFiles(join(first.snapshot.dataDir, "memory"), join(parent, "memory"));
      const copy = await pull(to, { source: from.address, ref: "parent", name: "copy" });
      assert.deepEqual([copy.snapshot.digest, copy.progress.sentBytes], [digest, 0n]);
      const memory = join(parent, "memory");
      await using handle = await open(memory, "r+");
      await handle.write(Buffer.alloc(100, 1), 0, 100, 100 * apart);
      await handle.write(Buffer.alloc(100, 2), 0, 100, 21_000 * apart + 64 * kib);
      const stored = await createOn(from, parent, "child", { vm: "one" });
      const second = await pull(to, { source: from.address, ref: "child" });
      assert.equal(second.snapshot.digest, stored.digest);
      assert.equal(second.progress.changedBytes, 2n * 256n * 1024n);
      const tables = pages * 48 + 32 * kib;
      assert.ok(second.progress.sentBytes < tables, `${second.progress.sentBytes} bytes sent`);
      await compareFiles(join(second.snapshot.dataDir, "memory"), memory);
      assert.deepEqual(await readdir(join(to.root, "transfers")), []);
    },
  );

  await t.test(
    "an interrupted table continues, and a damaged one is fetched again",
    async (inner) => {
      const to = await startNode(inner);
      const offsets: bigint[] = [];
      const cut = await startLiar(inner, from.client, {
        async *table(truth, { offset }) {
          offsets.push(offset);
          let sent = 0;
          for await (const message of truth) {
            if (offsets.length === 1 && sent > 500 * kib) throw new Error("cut");
            sent += message.data.length;
            yield message;
          }
        },
      });
      const request = { source: cut, ref: "parent" };
      await assert.rejects(pull(to, request));
      const table = join(to.root, "transfers", digest.slice("sha256:".length), "0000.blk");
      const kept = (await stat(table)).size;
      assert.ok(kept > 500 * kib);
      // The test simulates a power cut that lost the end of the written data.
      await truncate(table, kept - 4 * kib);
      await truncate(table, kept);
      const { snapshot } = await pull(to, request);
      assert.equal(snapshot.digest, digest);
      assert.deepEqual(offsets, [0n, BigInt(kept), 0n]);
    },
  );

  await t.test("a receiver without ReadTable gets the table in the manifest", async () => {
    let bytes = 0;
    for await (const { part } of from.client.getManifest({ ref: "parent" })) {
      if (part.case === "table") assert.fail("a description");
      if (part.case !== "blocks") continue;
      if (part.value.file === "state.json") break;
      bytes += part.value.table.length;
    }
    assert.ok(bytes > mib);
    assert.ok(bytes > pages * 48);
  });
});

/** A file of `blocks` blocks: holes and zeros alternate, and every `every`-th block has data. */
interface Plan {
  readonly blocks: number;
  readonly every: number;
  readonly content: Buffer;
}

/** Yields the bytes of the table in parts. Each block is a run, so the table is very long. */
function* tableParts({ blocks, every, content }: Plan): Generator<Buffer> {
  const data = Math.ceil(blocks / every);
  const head = Buffer.alloc(40);
  head.write("stasisBT", "latin1");
  head.writeUInt32LE(2, 8);
  head.writeUInt32LE(blockBytes, 12);
  head.writeBigUInt64LE(BigInt(blocks * blockBytes), 16);
  head.writeBigUInt64LE(BigInt(blocks), 24);
  head.writeBigUInt64LE(BigInt(data), 32);
  const digest = digestOf("blake3", content);
  const digests = Buffer.concat(Array.from({ length: data }, () => digest));
  const perPart = 32_768;
  for (let first = 0; first < blocks; first += perPart) {
    const part = Buffer.alloc(Math.min(perPart, blocks - first) * 8);
    for (let block = first; block < first + part.length / 8; block += 1) {
      part.writeUInt8(block % every === 0 ? 2 : block % 2, (block - first) * 8);
      part.writeUInt32LE(1, (block - first) * 8 + 4);
    }
    const end = first + perPart < blocks ? [] : [digests];
    yield Buffer.concat([...(first === 0 ? [head] : []), part, ...end]);
  }
}

/** Returns the digest of the file, and the checksum at the end of the table. */
function digestsOf(plan: Plan): { readonly root: string; readonly sum: Buffer } {
  const sum = createHash("sha256");
  for (const part of tableParts(plan)) sum.update(part);
  const { blocks, every, content } = plan;
  const sizes = { sizeBytes: blocks * blockBytes, blockSizeBytes: blockBytes };
  const root = createHash("sha256").update(rootHead({ ...sizes, algorithm: "blake3" }));
  const digest = digestOf("blake3", content);
  for (let block = 0; block < blocks; block += every) {
    root.update(rootRecord({ kind: "data", count: 1 })).update(digest);
    const empty = Math.min(every, blocks - block) - 1;
    if (empty > 0) root.update(rootRecord({ kind: "hole", count: empty }));
  }
  return { root: `sha256:${root.digest("hex")}`, sum: sum.digest() };
}

/** Starts a peer that has the planned file, although the file is not on any disk. */
async function startMaker(t: TestContext, honest: Client, plan: Plan): Promise<string> {
  const { root, sum } = digestsOf(plan);
  const sizeBytes = plan.blocks * blockBytes;
  const length = 40 + plan.blocks * 8 + Math.ceil(plan.blocks / plan.every) * digestBytes + 32;
  const pretend = (snapshot: Snapshot): void => {
    const [file] = snapshot.files;
    assert.ok(file);
    Object.assign(file, { name: "memory", sizeBytes: BigInt(sizeBytes), digest: root });
    snapshot.files = [file];
    snapshot.digest = snapshotDigest([{ name: "memory", digest: root, sizeBytes }]);
  };
  return await startLiar(t, honest, {
    async *manifest(truth, { snapshotOnly }) {
      let described = false;
      for await (const message of truth) {
        if (message.part.case === "snapshot") {
          pretend(message.part.value);
          yield message;
          if (snapshotOnly) return;
        } else if (!described) {
          described = true;
          yield { part: { case: "table", value: { file: "memory", length: BigInt(length) } } };
        }
      }
    },
    async *table(_truth, { offset }) {
      assert.equal(offset, 0n);
      let last: Buffer = Buffer.alloc(0);
      for (const data of tableParts(plan)) {
        if (last.length > 0) yield { data: last };
        last = data;
      }
      yield { data: Buffer.concat([last, sum]) };
    },
    async *blocks(_truth, { ranges }) {
      for (const { first, count } of ranges) {
        for (let index = first; index < first + count; index += 1n) {
          yield { index, data: plan.content, encoding: BlockEncoding.RAW };
        }
      }
    },
  });
}

/** Limit of growth after an ordinary pull. A table of 4 TiB in memory would need more. */
const maxGrowthBytes = 96 * mib;

test("4 TiB with a table of 128 MiB are pulled in bounded memory", async (t) => {
  const honest = await startNode(t);
  const root = join(await makeScratch(t, "stasis-large-"), "root");
  await using daemon = await startDaemonProcess(root);
  const client = connect(daemon.address);
  t.after(() => client.close());
  await createOn(honest, await makeSmallSource(join(honest.scratch, "source")), "web");
  await pull({ client }, { source: honest.address, ref: "web", name: "small" });
  const before = memoryOf(daemon, "VmRSS");
  forgetPeak(daemon);
  const content = Buffer.alloc(blockBytes, 3);
  const plan = { blocks: 2 ** 42 / blockBytes, every: 2 ** 20 + 1, content };
  const address = await startMaker(t, honest.client, plan);
  const { snapshot, progress } = await pull({ client }, { source: address, ref: "web" });
  const growth = memoryOf(daemon, "VmHWM") - before;
  t.diagnostic(`${inMib(before)} before, grew by ${inMib(growth)}`);
  assert.equal(snapshot.sizeBytes, 2n ** 42n);
  assert.equal(progress.doneBytes, BigInt(Math.ceil(plan.blocks / plan.every) * blockBytes));
  const table = join(root, "data", snapshot.config?.id ?? "", "blocks", "0000.blk");
  assert.ok((await stat(table)).size > 128 * mib);
  assert.ok(growth < maxGrowthBytes, `grew by ${inMib(growth)}`);

  await t.test(
    "that node sends it in bounded memory, and refuses a receiver without ReadTable",
    async (inner) => {
      const to = await startNode(inner);
      forgetPeak(daemon);
      const again = await pull(to, { source: daemon.tcpAddress, ref: snapshot.config?.id ?? "" });
      assert.equal(again.snapshot.digest, snapshot.digest);
      const sending = memoryOf(daemon, "VmHWM") - before;
      inner.diagnostic(`grew by ${inMib(sending)}`);
      assert.ok(sending < maxGrowthBytes, `grew by ${inMib(sending)}`);
      const manifest = client.getManifest({ digest: snapshot.digest })[Symbol.asyncIterator]();
      const refused = await failsWith(manifest.next(), "LIMIT_EXCEEDED");
      assert.equal(refused.metadata["upgrade"], "receiver");
    },
  );
});
