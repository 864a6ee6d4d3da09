// Tests peers that send wrong data: each lie ends the pull with an error, nothing is stored, and
// memory stays bounded.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { join } from "node:path";
import { test } from "node:test";
import {
  BlockEncoding,
  BlockHash,
  connect,
  isStoreError,
  type Client,
  type Snapshot,
} from "../../src/client/index.js";
import { encodeBlockTable } from "../../src/files/block-table-codec.js";
import { currentAlgorithm, digestBytes, digestOf } from "../../src/files/block-digest.js";
import { blockBytes, rootDigest, type BlockTable } from "../../src/files/block-table.js";
import { snapshotDigest } from "../../src/files/manifest.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { makeScratch } from "../support/daemon.js";
import { forgetPeak, inMib, memoryOf } from "../support/memory.js";
import type {
  GetManifestRequest,
  GetManifestResponse,
  ReadBlocksResponse,
} from "../../gen/ts/stasis/v1/replication_service_pb.js";
import { entriesOf, makeSource, piece } from "../store/contents.js";
import { patternBytes } from "../support/scratch.js";
import { startLiar, type Lies } from "./liar.js";
import { changedCopy, createOn, kib, mib, pull, startNode } from "./nodes.js";

interface Lie {
  readonly what: string;
  readonly lies: Lies;
  /** The expected reason. The default is PEER_DATA_INVALID. */
  readonly reason?: string;
}

const otherDigest = `sha256:${"ab".repeat(32)}`;

/** Changes the snapshot in both calls of GetManifest. */
function aboutSnapshot(what: string, change: (snapshot: Snapshot) => void): Lie {
  return {
    what,
    lies: {
      async *manifest(truth) {
        for await (const message of truth) {
          if (message.part.case === "snapshot") change(message.part.value);
          yield message;
        }
      },
    },
  };
}

function aboutManifest(what: string, manifest: NonNullable<Lies["manifest"]>): Lie {
  return { what, lies: { manifest } };
}

/** Changes each part of a table. */
function aboutTable(
  what: string,
  change: (part: { file: string; table: Uint8Array; last: boolean }) => void,
): Lie {
  return aboutManifest(what, async function* (truth) {
    for await (const message of truth) {
      if (message.part.case === "blocks") {
        message.part.value.table = Uint8Array.from(message.part.value.table);
        change(message.part.value);
      }
      yield message;
    }
  });
}

function aboutBlocks(
  what: string,
  blocks: (truth: AsyncIterable<ReadBlocksResponse>) => AsyncIterable<ReadBlocksResponse>,
): Lie {
  return { what, lies: { blocks } };
}

/** Waits longer than the receiver does. */
function forAWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10_000).unref());
}

function* inBytes({ file, table }: { readonly file: string; readonly table: Uint8Array }) {
  for (const [index, byte] of table.entries()) {
    const last = index === table.length - 1;
    const value = { file, table: Uint8Array.of(byte), last };
    yield { part: { case: "blocks" as const, value } };
  }
}

/**
 * Claims consistently that the snapshot has one file with this table, with matching digests, so
 * that only the table itself is wrong. `spoil` changes the table's bytes, and the table's checksum
 * is then computed again.
 */
function aboutFile(
  what: string,
  table: BlockTable,
  spoil: (bytes: Buffer) => void = () => undefined,
): Lie {
  const bytes = Buffer.from(encodeBlockTable(table));
  spoil(bytes);
  const body = bytes.subarray(0, bytes.length - digestBytes);
  bytes.set(createHash("sha256").update(body).digest(), body.length);
  return aboutManifest(what, async function* (truth) {
    for await (const message of truth) {
      const { part } = message;
      if (part.case === "snapshot") {
        const [file] = part.value.files;
        assert.ok(file);
        file.sizeBytes = BigInt(table.sizeBytes);
        file.digest = rootDigest(table);
        file.blockHash = BlockHash.UNSPECIFIED;
        part.value.files = [file];
        const { name, digest } = file;
        part.value.digest = snapshotDigest([{ name, digest, sizeBytes: table.sizeBytes }]);
        yield message;
      }
      if (part.case !== "blocks") continue;
      for (let start = 0; start < bytes.length; start += mib) {
        const [table, last] = [bytes.subarray(start, start + mib), start + mib >= bytes.length];
        yield { part: { case: "blocks", value: { file: part.value.file, table, last } } };
      }
      return;
    }
  });
}

function dataTable(sizeBytes: number, blocks: number): BlockTable {
  const digests = Buffer.alloc(blocks * digestBytes, 1);
  return {
    sizeBytes,
    blockSizeBytes: blockBytes,
    runs: [{ kind: "data", count: blocks }],
    algorithm: currentAlgorithm,
    digests,
  };
}

function eachBlock(what: string, change: (message: ReadBlocksResponse) => void): Lie {
  return aboutBlocks(what, async function* (truth) {
    for await (const message of truth) {
      message.data = Uint8Array.from(message.data);
      change(message);
      yield message;
    }
  });
}

/** Names the pages in a mask, as peers did before there was a bitmap. */
function setMask(message: ReadBlocksResponse, mask: bigint): void {
  message.changedPages = mask;
  message.pageBytes = 0;
  message.pageBitmap = new Uint8Array(0);
}

/** Returns lies about the bitmap that names the pages of one block. */
function bitmapLies(): Lie[] {
  const lie = (what: string, pageBytes: number, bytes: readonly number[], mask = 0n): Lie =>
    eachBlock(`a bitmap ${what}`, (message) => {
      message.encoding = BlockEncoding.NONZERO_PAGES;
      message.changedPages = mask;
      message.pageBytes = pageBytes;
      message.pageBitmap = Uint8Array.from(bytes);
      message.data = Buffer.alloc(4 * kib, 1);
    });
  const rest = [0, 0, 0, 0, 0, 0, 0];
  return [
    lie("of other pages than the data's", 4 * kib, [2, ...rest]),
    lie("that is too short", 4 * kib, [1, ...rest.slice(1)]),
    lie("that is too long", 4 * kib, [1, ...rest, 0]),
    lie("without a page size", 0, [1, ...rest]),
    lie("beside a mask", 4 * kib, [1, ...rest], 1n),
    lie("of pages of three bytes", 3, [1, ...rest]),
    lie("of pages of one byte", 1, [1, ...rest]),
    lie("of pages of two blocks", 512 * kib, [1]),
    lie("of pages of almost 4 GiB", 2 ** 32 - 1, [1]),
    lie("with a page beyond the block", 128 * kib, [4]),
  ];
}

const lies: readonly Lie[] = [
  aboutSnapshot("another hash than the tables have", (snapshot) => {
    for (const file of snapshot.files) file.blockHash = BlockHash.SHA256;
  }),
  {
    ...aboutSnapshot("an unknown hash", (snapshot) => {
      for (const file of snapshot.files) file.blockHash = 77 as BlockHash;
    }),
    reason: "FORMAT_UNSUPPORTED",
  },
  aboutSnapshot("a digest that does not match its files", (snapshot) => {
    snapshot.digest = otherDigest;
  }),
  aboutSnapshot("a malformed digest", (snapshot) => {
    snapshot.digest = "sha256:../../etc/passwd";
  }),
  aboutSnapshot("a file that leaves the directory", (snapshot) => {
    for (const file of snapshot.files) file.name = `../${file.name}`;
  }),
  aboutSnapshot("an absolute file name", (snapshot) => {
    for (const file of snapshot.files) file.name = `/tmp/${file.name}`;
  }),
  aboutSnapshot("the same file twice", (snapshot) => {
    snapshot.files = snapshot.files.flatMap((file) => [file, file]);
  }),
  aboutSnapshot("a negative size", (snapshot) => {
    for (const file of snapshot.files) file.sizeBytes = -1n;
  }),
  aboutSnapshot("a size larger than any disk", (snapshot) => {
    for (const file of snapshot.files) file.sizeBytes = 1n << 62n;
  }),
  aboutSnapshot("a size that contradicts the digest", (snapshot) => {
    for (const file of snapshot.files) file.sizeBytes += 1n;
  }),
  aboutSnapshot("no files", (snapshot) => {
    snapshot.files = [];
  }),
  aboutManifest("tables before the snapshot", async function* (truth) {
    for await (const message of truth) if (message.part.case === "blocks") yield message;
  }),
  aboutManifest("a truncated manifest", async function* (truth) {
    for await (const message of truth) {
      yield message;
      return;
    }
  }),
  aboutManifest("a base that was not offered", async function* (truth) {
    for await (const message of truth) {
      message.baseDigest = otherDigest;
      yield message;
    }
  }),
  aboutTable("a table under another name", (part) => {
    part.file = "other";
  }),
  aboutTable("a table of other digests", (part) => {
    part.table[60] = (part.table[60] ?? 0) ^ 1;
  }),
  aboutTable("an empty table", (part) => {
    part.table = new Uint8Array();
  }),
  {
    ...aboutManifest("a table whose end never comes", async function* (truth) {
      for await (const message of truth) {
        // This part comes later than the receiver waits.
        if (message.part.case === "blocks") await forAWhile();
        yield message;
      }
    }),
    reason: "DAEMON_UNREACHABLE",
  },
  {
    ...aboutManifest("a manifest that never comes", async function* (truth) {
      await forAWhile();
      yield* truth;
    }),
    reason: "DEADLINE_PASSED",
  },
  aboutManifest("a table in parts of one byte", async function* (truth) {
    for await (const message of truth) {
      if (message.part.case !== "blocks") yield message;
      else yield* inBytes(message.part.value);
    }
  }),
  {
    ...aboutBlocks("blocks that never come", async function* (truth) {
      for await (const message of truth) {
        await forAWhile();
        yield message;
      }
    }),
    reason: "DAEMON_UNREACHABLE",
  },
  aboutManifest("an endless stream of one table", async function* (truth) {
    for await (const message of truth) {
      if (message.part.case === "blocks") message.part.value.last = false;
      for (let times = 0; message.part.case === "blocks" && times < 1e6; times += 1) yield message;
      yield message;
    }
  }),
  eachBlock("one wrong bit in a block", (message) => {
    message.data[7] = (message.data[7] ?? 0) ^ 1;
  }),
  eachBlock("blocks that are too short", (message) => {
    message.data = message.data.subarray(1);
  }),
  eachBlock("blocks that are too long", (message) => {
    message.data = Buffer.alloc(2 * mib);
  }),
  eachBlock("a block that was not requested", (message) => {
    message.index += 1_000_000n;
  }),
  eachBlock("a block of a negative number", (message) => {
    message.index = -1n;
  }),
  eachBlock("an unknown encoding", (message) => {
    message.encoding = 77 as BlockEncoding;
  }),
  eachBlock("differences from a missing base", (message) => {
    message.encoding = BlockEncoding.XOR_DEFLATE;
    setMask(message, 1n);
  }),
  eachBlock("a wrong number of pages", (message) => {
    message.encoding = BlockEncoding.NONZERO_PAGES;
    setMask(message, 0b101n);
    message.data = Buffer.alloc(3 * 4096, 1);
  }),
  eachBlock("pages in other places of the block", (message) => {
    if (message.encoding === BlockEncoding.NONZERO_PAGES) setMask(message, 0b10n);
    else message.data = Buffer.alloc(message.data.length, 1);
  }),
  ...bitmapLies(),
  eachBlock("no pages at all", (message) => {
    message.encoding = BlockEncoding.NONZERO_PAGES;
    setMask(message, 0n);
    message.data = Buffer.alloc(0);
  }),
  aboutBlocks("blocks in another order", async function* (truth) {
    const all: ReadBlocksResponse[] = [];
    for await (const message of truth) all.push(message);
    yield* all.reverse();
  }),
  aboutBlocks("too few blocks", async function* (truth) {
    for await (const message of truth) {
      yield message;
      return;
    }
  }),
  aboutBlocks("the same block endlessly", async function* (truth) {
    for await (const message of truth) for (let times = 0; times < 1e6; times += 1) yield message;
  }),
  {
    what: "messages larger than any block may be",
    lies: {
      async *blocks(truth) {
        for await (const message of truth) yield { ...message, data: Buffer.alloc(6 * mib) };
      },
    },
    reason: "LIMIT_EXCEEDED",
  },
];

/** Returns a lie in which a table is described instead of sent. `bytes` answers ReadTable. */
function aboutLarge(what: string, length: bigint, bytes: Lies["table"]): Lie {
  const manifest: NonNullable<Lies["manifest"]> = async function* (truth, { snapshotOnly }) {
    for await (const message of truth) {
      const { part } = message;
      if (part.case === "snapshot") yield message;
      if (snapshotOnly) return;
      if (part.case !== "blocks") continue;
      yield { part: { case: "table", value: { file: part.value.file, length } } };
      return;
    }
  };
  return { what, lies: { manifest, ...(bytes && { table: bytes }) } };
}

async function* garbage(bytes: number, perMessage: number) {
  for (let sent = 0; sent < bytes; sent += perMessage) {
    yield { data: Buffer.alloc(Math.min(perMessage, bytes - sent), 7) };
  }
}

/** A file of 4 MiB has a table of at most 712 bytes. A longer one is refused before it is read. */
const largeLies: readonly Lie[] = [
  aboutLarge("a large table of a negative length", -1n, undefined),
  aboutLarge("a large table without a byte", 0n, undefined),
  aboutLarge("a table longer than its file allows", 713n, undefined),
  aboutLarge("a table of 8 EiB", (1n << 63n) - 1n, undefined),
  aboutLarge("another length than the table has", 300n, undefined),
  aboutLarge("a table that is garbage", 700n, () => garbage(700, 700)),
  aboutLarge("a table that ends early", 700n, () => garbage(699, 699)),
  aboutLarge("a table that never ends", 700n, () => garbage(2 ** 40, mib)),
  aboutLarge("a table byte by byte", 700n, () => garbage(700, 1)),
  aboutLarge("empty parts without end", 700n, async function* () {
    for (let times = 0; times < 1e6; times += 1) yield { data: Buffer.alloc(0) };
  }),
  aboutLarge("empty parts without end after a whole table", 700n, async function* () {
    yield* garbage(700, 700);
    for (let times = 0; times < 1e9; times += 1) yield { data: Buffer.alloc(0) };
  }),
];

/** Returns lies that use a second snapshot of the honest peer, `other`. */
function liesWith(honest: Client, other: Snapshot): readonly Lie[] {
  const otherRef = other.config?.id ?? "";
  return [
    aboutManifest("another snapshot at the second call", async function* (truth, request) {
      yield* request.snapshotOnly
        ? truth
        : honest.getManifest({ ...withoutType(request), ref: otherRef });
    }),
    aboutManifest("the tables of another snapshot", async function* (truth, request) {
      for await (const message of truth) {
        yield message;
        if (request.snapshotOnly) return;
        break;
      }
      for await (const message of honest.getManifest(otherRef)) {
        if (message.part.case === "blocks") yield message;
      }
    }),
    {
      what: "the blocks of another snapshot",
      lies: {
        blocks: (_truth, { file, ranges }) =>
          honest.readBlocks({ snapshotId: otherRef, file, ranges }),
      },
    },
    aboutFile("a table with blocks beyond the end of its file", dataTable(blockBytes, 4)),
    aboutFile("a table that ends before its file does", dataTable(64 * blockBytes, 4)),
    aboutFile("a table that counts more digests than it has", dataTable(mib, 4), (bytes) => {
      bytes.writeBigUInt64LE(1n << 50n, 32);
    }),
    aboutFile("a table that counts more runs than it has", dataTable(mib, 4), (bytes) => {
      bytes.writeBigUInt64LE((1n << 64n) - 1n, 24);
    }),
    aboutFile("a run of 4,000,000,000 blocks", dataTable(mib, 4), (bytes) => {
      bytes.writeUInt32LE(0xffff_ffff, 44);
    }),
    aboutFile("blocks of another size", { ...dataTable(4 * kib, 4), blockSizeBytes: kib }),
    aboutFile("a run of an unknown kind", dataTable(mib, 4), (bytes) => bytes.writeUInt32LE(7, 40)),
    aboutFile("zeros that are recorded as data", {
      ...dataTable(blockBytes, 1),
      digests: digestOf(currentAlgorithm, Buffer.alloc(blockBytes)),
    }),
    aboutFile("zeros that are recorded as data, with SHA-256", {
      ...dataTable(blockBytes, 1),
      algorithm: "sha256",
      digests: digestOf("sha256", Buffer.alloc(blockBytes)),
    }),
    {
      ...aboutFile("a future version", dataTable(mib, 4), (bytes) => bytes.writeUInt32LE(3, 8)),
      reason: "FORMAT_UNSUPPORTED",
    },
    aboutFile("a table of 500 GiB and more", dataTable(2 ** 21 * blockBytes + mib, 2 ** 21 + 4)),
  ];
}

/** Returns the fields from which a new message can be made. */
function withoutType({ baseDigests, snapshotOnly }: GetManifestRequest) {
  return { baseDigests, snapshotOnly };
}

/**
 * Maximum growth of the receiver's memory, in bytes, above its level before the hostile pulls. It
 * leaves room for windows, messages and uncollected garbage.
 */
const maxGrowthBytes = 128 * mib;

test("each lie of a peer ends the pull, nothing is stored, and memory stays bounded", async (t) => {
  const honest = await startNode(t);
  const root = join(await makeScratch(t, "stasis-lies-"), "root");
  await using daemon = await startDaemonProcess(root, { "peer-idle": "3s" });
  const client = connect(daemon.address);
  t.after(() => client.close());
  const to = { client };
  const memory = (seed: number) => [
    { name: "memory", sizeBytes: 4 * mib, pieces: [piece(seed, mib), piece(2 * mib, mib + 5000)] },
  ];
  await createOn(honest, await makeSource(join(honest.scratch, "source"), memory(0)), "web");
  const otherSource = await makeSource(join(honest.scratch, "other"), memory(kib));
  const other = await createOn(honest, otherSource, "other");
  const request = { source: honest.address, ref: "web" };
  await pull(to, request);
  await client.delete("web");
  const before = memoryOf(daemon, "VmRSS");
  let peak = { what: "none", bytes: 0 };
  const all = [...lies, ...largeLies, ...liesWith(honest.client, other)];
  for (const { what, lies: told, reason = "PEER_DATA_INVALID" } of all) {
    await t.test(what, async (inner) => {
      const address = await startLiar(inner, honest.client, told);
      forgetPeak(daemon);
      await assert.rejects(pull(to, { source: address, ref: "web" }), (error) => {
        assert.ok(isStoreError(error));
        assert.equal(error.reason, reason, error.message);
        return true;
      });
      const bytes = memoryOf(daemon, "VmHWM");
      if (bytes > peak.bytes) peak = { what, bytes };
      assert.ok(bytes - before < maxGrowthBytes, `${inMib(before)} before, then ${inMib(bytes)}`);
      assert.equal((await client.list()).totalSize, 0n);
      assert.deepEqual(await entriesOf(root, "data"), []);
      assert.deepEqual(await entriesOf(root, "staging"), []);
    });
  }
  t.diagnostic(
    `${all.length} lies: ${inMib(before)} before, peak ${inMib(peak.bytes)} (${peak.what})`,
  );
  assert.ok(all.length >= 20);
  await pull(to, request);
});

test("endless messages after a manifest cost the receiver no memory", async (t) => {
  const honest = await startNode(t);
  const root = join(await makeScratch(t, "stasis-flood-"), "root");
  await using daemon = await startDaemonProcess(root);
  const client = connect(daemon.address);
  t.after(() => client.close());
  const source = await makeSource(join(honest.scratch, "source"), [
    { name: "memory", sizeBytes: 4 * mib, pieces: [piece(0, 4 * mib)] },
  ]);
  await createOn(honest, source, "web");
  let sent = 0;
  const address = await startLiar(t, honest.client, {
    async *manifest(truth, { snapshotOnly }) {
      const all: GetManifestResponse[] = [];
      for await (const message of truth) {
        all.push(message);
        yield message;
        if (snapshotOnly) return;
        if (message.part.case === "blocks" && message.part.value.last) break;
      }
      const part = { case: "blocks" as const, value: { file: "memory", table: Buffer.alloc(mib) } };
      for (; sent < 1000; sent += 1) yield { part };
    },
  });
  const before = memoryOf(daemon, "VmRSS");
  forgetPeak(daemon);
  const { snapshot } = await pull({ client }, { source: address, ref: "web" });
  assert.equal(snapshot.digest, (await honest.client.inspect("web")).snapshot?.digest);
  const growth = memoryOf(daemon, "VmHWM") - before;
  t.diagnostic(`${sent} MiB were offered, the receiver grew by ${inMib(growth)}`);
  assert.ok(growth < maxGrowthBytes, inMib(growth));
});

test("for wrong differences the whole block is sent instead, and the stored data is right", async (t) => {
  const [honest, to] = [await startNode(t), await startNode(t)];
  const parent = await makeSource(join(honest.scratch, "parent"), [
    { name: "memory", sizeBytes: 2 * mib, pieces: [piece(0, 2 * mib)] },
  ]);
  await createOn(honest, parent, "parent");
  await pull(to, { source: honest.address, ref: "parent" });
  const child = await changedCopy(parent, join(honest.scratch, "child"), "memory", [
    { offset: mib, bytes: patternBytes(100 * kib, 9) },
  ]);
  await createOn(honest, child, "child");
  // These 64 KiB decompress to 64 MiB.
  const endless = deflateRawSync(Buffer.alloc(64 * mib));
  const allPages = (1n << 64n) - 1n;
  const bombs: Lies["blocks"][] = [
    async function* (truth, { baseDigest }) {
      const encoding = BlockEncoding.XOR_DEFLATE;
      for await (const message of truth) {
        const bomb = {
          ...message,
          encoding,
          ...{ changedPages: allPages, pageBytes: 0, pageBitmap: new Uint8Array(0) },
          data: endless,
        };
        yield baseDigest === "" ? message : bomb;
      }
    },
    async function* (truth, { baseDigest }) {
      for await (const message of truth) {
        if (baseDigest !== "") setMask(message, allPages);
        yield message;
      }
    },
    async function* (truth, { baseDigest }) {
      for await (const message of truth) {
        yield baseDigest === "" ? message : { ...message, data: Buffer.from("nonsense") };
      }
    },
    async function* (truth, { baseDigest }) {
      for await (const message of truth) {
        if (baseDigest !== "") {
          setMask(message, 1n);
          message.encoding = BlockEncoding.PAGES;
          message.data = Buffer.alloc(4 * kib);
        }
        yield message;
      }
    },
  ];
  for (const [index, blocks] of bombs.entries()) {
    const address = await startLiar(t, honest.client, { ...(blocks && { blocks }) });
    const name = `child-${index}`;
    const { snapshot } = await pull(to, { source: address, ref: "child", name });
    assert.equal(snapshot.digest, (await honest.client.inspect("child")).snapshot?.digest);
    await to.client.delete(name);
  }
  const twice = await startLiar(t, honest.client, {
    async *blocks(truth) {
      for await (const message of truth) yield { ...message, data: Buffer.alloc(256 * kib, 1) };
    },
  });
  await assert.rejects(pull(to, { source: twice, ref: "child" }), { reason: "PEER_DATA_INVALID" });
});

test("requests of lying callers are refused, and cost no memory", async (t) => {
  const { client, scratch } = await startNode(t);
  const source = await makeSource(join(scratch, "source"), [
    { name: "memory", sizeBytes: 4 * mib, pieces: [piece(0, mib), piece(2 * mib, mib)] },
  ]);
  const { config } = await createOn({ client }, source, "web");
  const snapshotId = config?.id ?? "";
  const range = (first: bigint, count: bigint) => ({ first, count });
  const blocks = (ranges: readonly { first: bigint; count: bigint }[], more = {}) =>
    client.readBlocks({ snapshotId, file: "memory", ranges: [...ranges], ...more });
  const huge = 1n << 62n;
  const questions: readonly (readonly [string, AsyncIterable<unknown>])[] = [
    ["outside the file", blocks([range(15n, 2n)])],
    ["far outside the file", blocks([range(huge, 1n)])],
    ["a count larger than any file", blocks([range(0n, huge)])],
    ["a sum beyond 64 bits", blocks([range(huge * 2n - 1n, huge * 2n - 1n)])],
    ["a negative block", blocks([range(-1n, 1n)])],
    ["a negative count", blocks([range(2n, -1n)])],
    ["no count", blocks([range(0n, 0n)])],
    ["overlapping ranges", blocks([range(0n, 3n), range(2n, 2n)])],
    ["the same block over and over", blocks(Array.from({ length: 4000 }, () => range(0n, 1n)))],
    ["descending ranges", blocks([range(2n, 1n), range(0n, 1n)])],
    ["too many ranges", blocks(Array.from({ length: 5000 }, () => range(0n, 1n)))],
    ["a hole", blocks([range(5n, 1n)])],
    ["an unknown file", blocks([range(0n, 1n)], { file: "../manifest.json" })],
    ["a base that is not a digest", blocks([range(0n, 1n)], { baseDigest: "../../x" })],
    ["a manifest of no digest", client.getManifest({ ref: "", digest: "sha256:zz" })],
    ["a ref and a digest", client.getManifest({ ref: "web", digest: otherDigest })],
    [
      "too many bases",
      client.getManifest({
        ref: "web",
        baseDigests: Array.from({ length: 33 }, () => otherDigest),
      }),
    ],
    ["a malformed base", client.getManifest({ ref: "web", baseDigests: ["x"] })],
  ];
  for (const [what, answer] of questions) {
    await assert.rejects(drain(answer), { reason: "FIELD_INVALID" }, what);
  }
  await assert.rejects(drain(client.getManifest({ ref: "", digest: otherDigest })), {
    reason: "SNAPSHOT_NOT_FOUND",
  });
});

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const message of messages) void message;
}
