// Peers that lie: each lie ends the pull with an error, nothing is stored, nothing grows without bound.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { BlockEncoding, isStoreError, type Snapshot } from "../../src/client/index.js";
import type {
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
  /** Default: PEER_DATA_INVALID. */
  readonly reason?: string;
}

const otherDigest = `sha256:${"ab".repeat(32)}`;

/** A change of the snapshot that both calls of GetManifest tell. */
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

function aboutManifest(
  what: string,
  manifest: (truth: AsyncIterable<GetManifestResponse>) => AsyncIterable<GetManifestResponse>,
): Lie {
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

function eachBlock(what: string, change: (message: ReadBlocksResponse) => void): Lie {
  return aboutBlocks(what, async function* (truth) {
    for await (const message of truth) {
      message.data = Uint8Array.from(message.data);
      change(message);
      yield message;
    }
  });
}

const lies: readonly Lie[] = [
  aboutSnapshot("a digest that is not that of its files", (snapshot) => {
    snapshot.digest = otherDigest;
  }),
  aboutSnapshot("a digest that is none", (snapshot) => {
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
  aboutSnapshot("a size beyond all disks", (snapshot) => {
    for (const file of snapshot.files) file.sizeBytes = 1n << 62n;
  }),
  aboutSnapshot("another size than the digest says", (snapshot) => {
    for (const file of snapshot.files) file.sizeBytes += 1n;
  }),
  aboutSnapshot("no files", (snapshot) => {
    snapshot.files = [];
  }),
  aboutManifest("tables before the snapshot", async function* (truth) {
    for await (const message of truth) if (message.part.case === "blocks") yield message;
  }),
  aboutManifest("a manifest that is cut", async function* (truth) {
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
    ...aboutTable("a table whose end never comes", (part) => {
      part.last = false;
    }),
    reason: "DAEMON_UNREACHABLE",
  },
  {
    ...aboutBlocks("blocks that never come", async function* (truth) {
      for await (const message of truth) {
        await new Promise((resolve) => setTimeout(resolve, 3000).unref());
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
  eachBlock("a block that was not asked for", (message) => {
    message.index += 1_000_000n;
  }),
  eachBlock("a block of a negative number", (message) => {
    message.index = -1n;
  }),
  eachBlock("an encoding that nobody knows", (message) => {
    message.encoding = 77 as BlockEncoding;
  }),
  eachBlock("differences from a base that there is not", (message) => {
    message.encoding = BlockEncoding.XOR_DEFLATE;
    message.changedPages = 1n;
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
  aboutBlocks("the same block without end", async function* (truth) {
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

test("each lie of a peer ends the pull, and nothing is stored", async (t) => {
  const [honest, to] = [await startNode(t), await startNode(t, { "peer-idle": "1s" })];
  const source = await makeSource(join(honest.scratch, "source"), [
    { name: "memory", sizeBytes: 4 * mib, pieces: [piece(0, mib), piece(2 * mib, mib + 5000)] },
  ]);
  await createOn(honest, source, "web");
  for (const { what, lies: told, reason = "PEER_DATA_INVALID" } of lies) {
    await t.test(what, async (inner) => {
      const address = await startLiar(inner, honest.client, told);
      const before = process.memoryUsage().arrayBuffers;
      await assert.rejects(pull(to, { source: address, ref: "web" }), (error) => {
        assert.ok(isStoreError(error));
        assert.equal(error.reason, reason, error.message);
        return true;
      });
      assert.ok(process.memoryUsage().arrayBuffers - before < 128 * mib, "memory stays bounded");
      assert.equal((await to.client.list()).totalSize, 0n);
      assert.deepEqual(await entriesOf(to.root, "data"), []);
      assert.deepEqual(await entriesOf(to.root, "staging"), []);
    });
  }
  await pull(to, { source: honest.address, ref: "web" });
});

test("wrong differences: the block comes whole instead, and what is stored is right", async (t) => {
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
  const bombs: Lies["blocks"][] = [
    async function* (truth, { baseDigest }) {
      for await (const message of truth) {
        yield baseDigest === "" ? message : { ...message, changedPages: ~0n & ((1n << 64n) - 1n) };
      }
    },
    async function* (truth, { baseDigest }) {
      for await (const message of truth) {
        yield baseDigest === "" ? message : { ...message, data: Buffer.from("nonsense") };
      }
    },
    async function* (truth, { baseDigest }) {
      for await (const message of truth) {
        const changed = { ...message, changedPages: 1n, encoding: BlockEncoding.PAGES };
        yield baseDigest === "" ? message : { ...changed, data: Buffer.alloc(4 * kib) };
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
});
