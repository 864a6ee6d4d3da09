// Tests Pull between two daemons: the stored result, and the bytes on the link.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  BlockEncoding,
  createDeltaFromLocalDirectory,
  isStoreError,
  restoreToLocalDirectory,
} from "../../src/client/index.js";
import {
  compareDirectories,
  entriesOf,
  makeSmallSource,
  makeSource,
  piece,
} from "../store/contents.js";
import { compareFiles, patternBytes } from "../support/scratch.js";
import { startLiar } from "./liar.js";
import { changedCopy, checkContent, createOn, kib, mib, pull, startNode } from "./nodes.js";
import { openWireProxy } from "./wire-proxy.js";
import { openPastMode } from "../support/tamper.js";

/**
 * Makes an empty file, and a file with 12 MiB of data in 40 MiB, with holes, zeros and an odd end.
 */
function makeMemory(directory: string): Promise<string> {
  return makeSource(directory, [
    { name: "empty", sizeBytes: 0, pieces: [] },
    {
      name: "memory",
      sizeBytes: 40 * mib + 12345,
      pieces: [
        piece(0, 4 * mib),
        { offset: 5 * mib, bytes: Buffer.alloc(mib) },
        piece(16 * mib, 8 * mib),
        piece(40 * mib, 12345),
      ],
      mode: 0o640,
    },
    { name: "state.json", sizeBytes: 3000, pieces: [piece(0, 3000)] },
  ]);
}

async function overwrite(path: string, offset: number): Promise<void> {
  await using handle = await openPastMode(path);
  await handle.write(Buffer.from("damage"), 0, 6, offset);
}

test("a pull drops the time of expiry, or keeps it", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  await createOn(from, await makeSmallSource(join(from.scratch, "source")), "web");
  const expireTime = timestampFromDate(new Date("2030-01-02T03:04:05.678Z"));
  await from.client.update({ ref: "web", expireTime, updateMask: { paths: ["expire_time"] } });
  const request = { source: from.address, ref: "web" };
  const dropped = await pull(to, { ...request, name: "dropped" });
  assert.equal(dropped.snapshot.expireTime, undefined);
  const kept = await pull(to, { ...request, name: "kept", keepExpireTime: true });
  assert.deepEqual(kept.snapshot.expireTime, expireTime);
});

test("a pull without a base brings the same files and their digest", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeSmallSource(join(from.scratch, "source"));
  const stored = await createOn(from, source, "web", { tier: "one" });
  const { snapshot, progress } = await pull(to, { source: from.address, ref: "web" });
  assert.equal(snapshot.digest, stored.digest);
  assert.equal(snapshot.config?.name, "web");
  assert.deepEqual(snapshot.config?.labels, { tier: "one" });
  assert.notEqual(snapshot.config?.id, stored.config?.id);
  assert.equal(progress.doneBytes, progress.totalBytes);
  const target = join(to.scratch, "restored");
  await restoreToLocalDirectory(to.client, "web", target);
  await compareDirectories(target, source);
  assert.deepEqual(await readdir(join(to.root, "transfers")), []);
  assert.deepEqual(await entriesOf(to.root, "staging"), []);
});

test("a delta keeps the digest of its parent through a pull, and the parent is the base", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeMemory(join(from.scratch, "source"));
  const parent = await createOn(from, source, "parent");
  await pull(to, { source: from.address, ref: "parent", name: "other" });
  const delta = await makeSource(join(from.scratch, "delta"), [
    { name: "memory", sizeBytes: 40 * mib + 12345, pieces: [piece(20 * mib, 4 * kib)] },
  ]);
  const header = { parent: "parent", deltaFiles: ["memory"], inheritFiles: true };
  await createDeltaFromLocalDirectory(from.client, delta, { ...header, config: { name: "child" } });
  const { snapshot, progress } = await pull(to, { source: from.address, ref: "child" });
  assert.equal(snapshot.parentDigest, parent.digest);
  assert.ok(Number(progress.sentBytes) < 300 * kib, `${progress.sentBytes} bytes sent`);
});

/** Makes a file with 5,000 pages of data in 64 MiB, each between two holes. */
async function makeFragments(directory: string): Promise<string> {
  const pages = 5000;
  const pieces = Array.from({ length: pages }, (_, index) =>
    piece(Math.floor((index * 16_384) / pages) * 4096, 4096),
  );
  return makeSource(directory, [{ name: "memory", sizeBytes: 64 * mib, pieces }]);
}

test("of a block with holes only the pages are sent, and its holes are restored", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeFragments(join(from.scratch, "source"));
  const stored = await createOn(from, source, "web");
  await using proxy = await openWireProxy(from.tcpAddress);
  const { snapshot, progress } = await pull(to, { source: proxy.address, ref: "web" });
  assert.equal(snapshot.digest, stored.digest);
  const dataBytes = 5000 * 4096;
  assert.ok(Number(progress.sentBytes) < 1.01 * dataBytes, `${progress.sentBytes} bytes sent`);
  assert.ok(proxy.passedBytes() < 1.05 * dataBytes, `${proxy.passedBytes()} bytes on the wire`);
  await compareFiles(join(snapshot.dataDir, "memory"), join(source, "memory"));
});

test("an older peer sends whole blocks, and receives whole blocks", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeFragments(join(from.scratch, "source"));
  const { config, digest } = await createOn(from, source, "web");
  const old = await startLiar(t, from.client, { old: true });
  const { snapshot, progress } = await pull(to, { source: old, ref: "web" });
  assert.equal(snapshot.digest, digest);
  assert.ok(Number(progress.sentBytes) >= 64 * mib, `${progress.sentBytes} bytes sent`);
  await compareFiles(join(snapshot.dataDir, "memory"), join(source, "memory"));
  const request = {
    snapshotId: config?.id ?? "",
    file: "memory",
    ranges: [{ first: 0n, count: 9n }],
  };
  let blocks = 0;
  for await (const { encoding, data } of from.client.readBlocks(request)) {
    assert.equal(encoding, BlockEncoding.RAW);
    assert.equal(data.length, 256 * kib);
    blocks += 1;
  }
  assert.equal(blocks, 9);
});

test("the sender uses only the encodings and the names of pages that the receiver supports", async (t) => {
  const from = await startNode(t);
  const source = await makeFragments(join(from.scratch, "source"));
  const base = await createOn(from, source, "base");
  const changes = [{ offset: 4 * kib, bytes: patternBytes(4 * kib, 5) }];
  const child = await changedCopy(source, join(from.scratch, "child"), "memory", changes);
  const { config } = await createOn(from, child, "child");
  const [RAW, PAGES, XOR, NONZERO] = [
    ...[BlockEncoding.RAW, BlockEncoding.PAGES],
    ...[BlockEncoding.XOR_DEFLATE, BlockEncoding.NONZERO_PAGES],
  ];
  const first = async (more: object) => {
    const ranges = [{ first: 0n, count: 1n }];
    const request = { snapshotId: config?.id ?? "", file: "memory", ranges, ...more };
    for await (const message of from.client.readBlocks(request)) return message;
    throw new Error("no block");
  };
  const baseDigest = base.digest;
  for (const [accepts, expected] of [
    [[RAW], RAW],
    [[PAGES], RAW],
    [[NONZERO], NONZERO],
    [[RAW, NONZERO, 77 as BlockEncoding], NONZERO],
    [[77 as BlockEncoding], RAW],
  ] as const) {
    assert.equal((await first({ acceptEncodings: accepts })).encoding, expected);
  }
  for (const [accepts, expected] of [
    [[RAW], RAW],
    [[PAGES], PAGES],
    [[PAGES, XOR, NONZERO], PAGES],
    [[NONZERO], NONZERO],
  ] as const) {
    assert.equal((await first({ baseDigest, acceptEncodings: accepts })).encoding, expected);
  }
  const mask = await first({ baseDigest, acceptEncodings: [PAGES] });
  assert.deepEqual([mask.changedPages, mask.pageBytes, mask.pageBitmap.length], [0b10n, 0, 0]);
  const named = await first({ baseDigest, acceptEncodings: [PAGES], acceptsPageBitmap: true });
  assert.deepEqual([named.changedPages, named.pageBytes], [0n, 4096]);
  assert.deepEqual([...named.pageBitmap], [0b10, 0, 0, 0, 0, 0, 0, 0]);
});

test("a receiver accepts pages of another size", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeMemory(join(from.scratch, "source"));
  const { digest } = await createOn(from, source, "web");
  for (const [index, pageBytes] of [512, 16 * kib, 256 * kib].entries()) {
    const peer = await startLiar(t, from.client, {
      async *blocks(truth) {
        for await (const message of truth) {
          if (message.encoding !== BlockEncoding.RAW) yield message;
          else yield { ...message, ...asPages(message.data, pageBytes) };
        }
      },
    });
    const { snapshot } = await pull(to, { source: peer, ref: "web", name: `copy-${index}` });
    assert.equal(snapshot.digest, digest);
    await checkContent(to, `copy-${index}`, source);
    await to.client.delete(`copy-${index}`);
  }
});

/** Returns a whole block as pages of this size, all of which are present. */
function asPages(data: Uint8Array, pageBytes: number) {
  const pages = Math.ceil(data.length / pageBytes);
  const pageBitmap = new Uint8Array(Math.ceil(pages / 8));
  for (let page = 0; page < pages; page += 1) {
    pageBitmap[page >>> 3] = (pageBitmap[page >>> 3] ?? 0) | (1 << (page & 7));
  }
  return { encoding: BlockEncoding.NONZERO_PAGES, pageBytes, pageBitmap };
}

test("a receiver that cannot read the table's version is refused before any data is sent", async (t) => {
  const from = await startNode(t);
  await createOn(from, await makeSmallSource(join(from.scratch, "source")), "web");
  for (const snapshotOnly of [true, false]) {
    const request = { ref: "web", snapshotOnly, acceptTableVersions: [1, 9] };
    const read = async (): Promise<void> => {
      for await (const { part } of from.client.getManifest(request)) assert.fail(part.case);
    };
    await assert.rejects(read(), (error) => {
      assert.ok(isStoreError(error, "FORMAT_UNSUPPORTED"), String(error));
      assert.match(error.message, /has version 2, the pulling node reads 1, 9/);
      assert.equal(error.hint, "Upgrade the pulling node first");
      return true;
    });
  }
});

test("for a child of a snapshot that both nodes have, only changed pages are sent", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const parent = await makeMemory(join(from.scratch, "parent"));
  await createOn(from, parent, "parent", { vm: "one" });
  await pull(to, { source: from.address, ref: "parent" });
  const child = await changedCopy(parent, join(from.scratch, "child"), "memory", [
    { offset: 8 * kib, bytes: patternBytes(4 * kib, 77) },
    { offset: 17 * mib + 4 * kib, bytes: patternBytes(100, 78) },
    { offset: 40 * mib + 12000, bytes: patternBytes(345, 79) },
    { offset: 30 * mib, bytes: patternBytes(4 * kib, 80) },
  ]);
  await createOn(from, child, "child", { vm: "one" });
  const { progress } = await pull(to, { source: from.address, ref: "child" });
  await checkContent(to, "child", child);
  assert.equal(Number(progress.doneBytes), Number(progress.totalBytes));
  // There are three changed blocks with a base, and one block in the place of a hole.
  assert.ok(Number(progress.changedBytes) <= mib, `${progress.changedBytes} changed`);
  const tables = 3 * kib;
  assert.ok(
    Number(progress.sentBytes) < 256 * kib + 16 * kib + tables,
    `${progress.sentBytes} sent`,
  );
});

test("for the same content under another name no block is sent", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeMemory(join(from.scratch, "source"));
  await createOn(from, source, "web");
  await pull(to, { source: from.address, ref: "web" });
  const { progress, snapshot } = await pull(to, { source: from.address, ref: "web", name: "copy" });
  assert.equal(snapshot.config?.name, "copy");
  assert.equal(progress.changedBytes, 0n);
  assert.equal(progress.sentBytes, 0n, "not even block tables");
  await checkContent(to, "copy", source);
});

test("with a base that only the receiver has, equal blocks are not sent", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const parent = await makeMemory(join(from.scratch, "parent"));
  await createOn(to, parent, "parent");
  const child = await changedCopy(parent, join(from.scratch, "child"), "memory", [
    { offset: 20 * mib, bytes: patternBytes(4 * kib, 77) },
  ]);
  await createOn(from, child, "child");
  const { progress } = await pull(to, { source: from.address, ref: "child" });
  assert.equal(Number(progress.changedBytes), 256 * kib);
  await checkContent(to, "child", child);
});

test("a damaged block of the base is fetched instead, and the base is marked", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const parent = await makeMemory(join(from.scratch, "parent"));
  const base = await createOn(to, parent, "parent");
  await createOn(from, parent, "child", { other: "yes" });
  await overwrite(join(to.root, "data", base.config?.id ?? "", "files/memory"), 20 * mib);
  const { progress } = await pull(to, { source: from.address, ref: "child" });
  assert.equal(Number(progress.changedBytes), 256 * kib);
  await checkContent(to, "child", parent);
  assert.equal((await to.client.inspect("parent")).snapshot?.corrupt, true);
  assert.equal((await to.client.inspect("child")).snapshot?.corrupt, false);
});

test("a damaged block is not sent, and the sender marks the snapshot", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeMemory(join(from.scratch, "source"));
  const { config } = await createOn(from, source, "web");
  await overwrite(join(from.root, "data", config?.id ?? "", "files/memory"), 20 * mib);
  await assert.rejects(pull(to, { source: from.address, ref: "web" }), (error) => {
    assert.ok(isStoreError(error, "STORED_DATA_CORRUPT"), String(error));
    assert.match(error.message, /block 80 of memory does not match its digest/);
    return true;
  });
  assert.equal((await from.client.inspect("web")).snapshot?.corrupt, true);
  assert.equal((await to.client.list({})).snapshots.length, 0);
});

test("a used name, an unknown ref and an address without a daemon are refused", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeSmallSource(join(from.scratch, "source"));
  await createOn(from, source, "web");
  await createOn(to, source, "taken");
  const reason = async (request: Parameters<typeof pull>[1]): Promise<string> => {
    try {
      await pull(to, request);
    } catch (error) {
      if (isStoreError(error)) return error.reason;
      throw error;
    }
    return "none";
  };
  const there = { source: from.address };
  assert.equal(await reason({ ...there, ref: "web", name: "taken" }), "SNAPSHOT_NAME_TAKEN");
  assert.equal(await reason({ ...there, ref: "none" }), "SNAPSHOT_NOT_FOUND");
  assert.equal(await reason({ ...there, ref: "" }), "FIELD_INVALID");
  assert.equal(await reason({ source: "127.0.0.1:1", ref: "web" }), "DAEMON_UNREACHABLE");
  assert.equal((await to.client.list()).snapshots.length, 1);
  assert.deepEqual(await entriesOf(to.root, "staging"), []);
});

test("a retry with the same request id returns the first outcome", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  await createOn(from, await makeSmallSource(join(from.scratch, "source")), "web");
  const requestId = "7a0d3c6e-93a4-4d0a-9f43-0d4d4f3f8a11";
  const request = { source: from.address, ref: "web", requestId };
  const first = await pull(to, request);
  const second = await pull(to, request);
  assert.equal(second.snapshot.config?.id, first.snapshot.config?.id);
  assert.equal((await to.client.list()).snapshots.length, 1);
});

test("push asks the peer to pull", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeSmallSource(join(from.scratch, "source"));
  await createOn(from, source, "web");
  let last = "";
  for await (const { event } of from.client.push({ target: to.address, ref: "web" })) {
    if (event.case === "snapshot") last = event.value.config?.name ?? "";
  }
  assert.equal(last, "web");
  await checkContent(to, "web", source);
});

test("the data of a cancelled pull is kept and listed, and the pull continues where it stopped", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeMemory(join(from.scratch, "source"));
  const { digest } = await createOn(from, source, "web");
  const request = { source: from.address, ref: "web" };
  const slow = { ...request, limitBytesPerSecond: BigInt(4 * mib) };
  for await (const { event } of to.client.pull(slow)) {
    if (event.case !== "progress" || event.value.doneBytes < 3 * mib) continue;
    const { transfers } = await to.client.listTransfers();
    assert.deepEqual(
      transfers.map(({ digest, active, ref }) => ({ digest, active, ref })),
      [{ digest, active: true, ref: "web" }],
    );
    break;
  }
  assert.equal((await to.client.list()).snapshots.length, 0);
  const kept = await waitForInactive(to.client);
  assert.equal(kept, digest);
  const { progress } = await pull(to, request);
  assert.ok(progress.changedBytes < 10 * mib, `${progress.changedBytes} fetched again`);
  await checkContent(to, "web", source);
  assert.deepEqual((await to.client.listTransfers()).transfers, []);
});

test("kept data can be discarded", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  await createOn(from, await makeMemory(join(from.scratch, "source")), "web");
  const slow = { source: from.address, ref: "web", limitBytesPerSecond: BigInt(4 * mib) };
  for await (const { event } of to.client.pull(slow)) {
    if (event.case === "progress" && event.value.doneBytes > 0n) break;
  }
  const digest = await waitForInactive(to.client);
  assert.equal((await to.client.cancelTransfer({ digest })).found, true);
  assert.equal((await to.client.cancelTransfer({ digest })).found, false);
  assert.deepEqual(await readdir(join(to.root, "transfers")), []);
});

async function waitForInactive(client: Awaited<ReturnType<typeof startNode>>["client"]) {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const { transfers } = await client.listTransfers();
    const [first] = transfers;
    if (first !== undefined && !first.active) return first.digest;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("the transfer is still active");
}
