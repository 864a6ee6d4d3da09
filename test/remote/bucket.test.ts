// Tests the five requests on a real engine: what they store, read, list and delete.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Bucket } from "../../src/remote/s3/bucket.js";
import type { FileRegion } from "../../src/remote/s3/payload.js";
import { bucketAt, noEngine, startEngine, type Engine } from "../support/engine.js";
import { failsWith } from "../support/errors.js";
import { startFaultyProxy } from "../support/faulty-proxy.js";
import { patternBytes, withScratchDir } from "../support/scratch.js";

const kib = 1024;
const mib = 1024 * kib;

const skip = noEngine;
const { signal } = new AbortController();
let engine: Engine;
let bucket: Bucket & Disposable;

before(async () => {
  if (skip !== false) return;
  engine = await startEngine();
  bucket = bucketAt(engine.endpoint, engine.keys);
});

after(async () => {
  if (skip !== false) return;
  bucket[Symbol.dispose]();
  await engine[Symbol.asyncDispose]();
});

async function keysOf(prefix: string, startAfter?: string, of = bucket): Promise<string[]> {
  const keys: string[] = [];
  const options = startAfter === undefined ? { signal } : { signal, startAfter };
  for await (const { key } of of.list(prefix, options)) keys.push(key);
  return keys;
}

test(
  "objects from memory, from pieces and from a region of a file are stored whole",
  { skip },
  () =>
    withScratchDir(async (scratch) => {
      const bytes = patternBytes(3 * mib + 17, 1);
      await writeFile(join(scratch, "file"), bytes);
      await using handle = await open(join(scratch, "file"), "r");
      const bodies = {
        "packs/memory": bytes,
        "packs/pieces": [bytes.subarray(0, 5), bytes.subarray(5, 5), bytes.subarray(5)],
        "packs/region": { handle, offset: 0, length: bytes.length },
      };
      for (const [key, body] of Object.entries(bodies)) {
        await bucket.put(key, body, signal);
        assert.deepEqual(await readFile(join(engine.directory, "prod", key)), bytes, key);
        assert.deepEqual(await bucket.head(key, signal), { sizeBytes: bytes.length });
      }
      await bucket.put("packs/part", { handle, offset: 1000, length: 70_000 }, signal);
      const part = await bucket.get("packs/part", { maxBytes: 70_000, signal });
      assert.deepEqual(part, bytes.subarray(1000, 71_000));
      await bucket.put("packs/empty", new Uint8Array(), signal);
      assert.equal((await bucket.get("packs/empty", { maxBytes: 0, signal })).length, 0);
      assert.deepEqual(await bucket.head("packs/empty", signal), { sizeBytes: 0 });
    }),
);

test("a region that the file does not have is refused, and nothing is stored", { skip }, () =>
  withScratchDir(async (scratch) => {
    await writeFile(join(scratch, "file"), "short");
    await using handle = await open(join(scratch, "file"), "r");
    const error = await failsWith(
      bucket.put("packs/short", { handle, offset: 0, length: 100 }, signal),
      "IO_FAILED",
    );
    assert.match(error.message, /has 5 B; expected at least 100 B/);
    assert.equal(await bucket.head("packs/short", signal), undefined);
  }),
);

test(
  "ranges have exactly their bytes, and a range beyond the object is an error",
  { skip },
  async () => {
    const bytes = patternBytes(mib, 2);
    await bucket.put("packs/ranged", bytes, signal);
    for (const [offset, length] of [
      [0, 1],
      [7, 4096],
      [mib - 1, 1],
      [0, mib],
    ] as const) {
      const got = await bucket.get("packs/ranged", {
        range: { offset, length },
        maxBytes: mib,
        signal,
      });
      assert.deepEqual(got, bytes.subarray(offset, offset + length));
    }
    for (const [offset, length] of [
      [mib - 1, 2],
      [mib, 1],
    ] as const) {
      const options = { range: { offset, length }, maxBytes: mib, signal };
      using quick = bucketAt(engine.endpoint, engine.keys, { timing: onceTiming });
      const error = await failsWith(quick.get("packs/ranged", options), "REMOTE_DATA_INVALID");
      assert.equal(error.metadata["key"], "packs/ranged");
    }
  },
);

const onceTiming = {
  ...{ idleMs: 5000, baseMs: 5000, minBytesPerSecond: 1024, firstPauseMs: 1, maxPauseMs: 1 },
  maxAttempts: 1,
};

test(
  "an object that is larger than allowed is refused before it is in memory",
  { skip },
  async () => {
    await bucket.put("packs/large", patternBytes(mib, 3), signal);
    using quick = bucketAt(engine.endpoint, engine.keys, { timing: onceTiming });
    const error = await failsWith(
      quick.get("packs/large", { maxBytes: mib - 1, signal }),
      "REMOTE_DATA_INVALID",
    );
    assert.match(error.message, /get of packs\/large: .*expected at most/);
  },
);

test(
  "getPieces reads a long range in order, with at most two pieces at once",
  { skip },
  async () => {
    const bytes = patternBytes(3 * mib + 5, 4);
    await bucket.put("maps/long", bytes, signal);
    await using proxy = await startFaultyProxy(engine.endpoint);
    using proxied = bucketAt(proxy.endpoint, engine.keys);
    const range = { offset: 3, length: bytes.length - 4 };
    const hash = createHash("sha256");
    let length = 0;
    for await (const piece of proxied.getPieces("maps/long", { range, pieceBytes: mib, signal })) {
      const done = proxy.seen.length;
      assert.ok(done * mib - length <= 2 * mib, `${done} requests at byte ${length}`);
      hash.update(piece);
      length += piece.length;
    }
    assert.equal(length, range.length);
    const expected = createHash("sha256").update(bytes.subarray(3, -1)).digest("hex");
    assert.equal(hash.digest("hex"), expected);
    // A reader that stops early leaves no request running.
    for await (const piece of proxied.getPieces("maps/long", { range, pieceBytes: mib, signal })) {
      assert.equal(piece.length, mib);
      break;
    }
  },
);

test(
  "for a missing object get fails, head returns nothing, and delete succeeds",
  { skip },
  async () => {
    const error = await failsWith(
      bucket.get("snapshots/none.json", { maxBytes: 10, signal }),
      "REMOTE_COPY_MISSING",
    );
    assert.match(error.message, /^remote cold, bucket snapshots, get of snapshots\/none\.json: /);
    assert.equal(error.metadata["key"], "snapshots/none.json");
    assert.equal(await bucket.head("snapshots/none.json", signal), undefined);
    await bucket.delete("snapshots/none.json", signal);
    await bucket.put("snapshots/some.json", Buffer.from("{}"), signal);
    await bucket.delete("snapshots/some.json", signal);
    await bucket.delete("snapshots/some.json", signal);
    assert.equal(await bucket.head("snapshots/some.json", signal), undefined);
  },
);

test("lists have every key once, over several pages, below the prefix only", { skip }, async () => {
  const names = Array.from({ length: 2100 }, (_, index) => String(index).padStart(5, "0"));
  await mkdir(join(engine.directory, "prod", "claims"), { recursive: true });
  for (const name of names) await writeFile(join(engine.directory, "prod", "claims", name), name);
  // This object is outside the prefix of the remote.
  await writeFile(join(engine.directory, "claims"), "x");
  const wanted = names.map((name) => `claims/${name}`);
  await using proxy = await startFaultyProxy(engine.endpoint);
  using proxied = bucketAt(proxy.endpoint, engine.keys);
  assert.deepEqual(await keysOf("claims/", undefined, proxied), wanted);
  assert.equal(proxy.seen.length, 3);
  assert.deepEqual(await keysOf("claims/", "claims/02000"), wanted.slice(2001));
  assert.deepEqual(await keysOf("claims/0001"), wanted.slice(10, 20));
  assert.deepEqual(await keysOf("nothing/"), []);
  for await (const { sizeBytes } of bucket.list("claims/", { signal })) {
    assert.equal(sizeBytes, 5);
    break;
  }
});

test("keys with every allowed character name distinct objects", { skip }, async () => {
  const keys = ["k/A", "k/a", "k/a.b", "k/a_b", "k/a-b", "k/0/z"];
  for (const key of keys) await bucket.put(key, Buffer.from(key), signal);
  for (const key of keys) {
    assert.equal(String(await bucket.get(key, { maxBytes: 10, signal })), key);
  }
  assert.deepEqual((await keysOf("k/")).sort(), [...keys].sort());
  for (const key of ["", "/a", "a/", "a//b", "a/../b", "./a", "a b", "a?b", "a%2Fb", "ä"]) {
    await assert.rejects(async () => bucket.put(key, Buffer.from("x"), signal), /no key/, key);
  }
});

test(
  "requests and bytes are counted for all users of the bucket, and for one of them",
  { skip },
  async () => {
    const seen: string[] = [];
    const all: string[] = [];
    const into = (list: string[]) => ({
      attempted: (remote: string, kind: string, attempt: string, bytes: object) =>
        void list.push(`${remote} ${kind} ${attempt} ${JSON.stringify(bytes)}`),
      requested: (_remote: string, kind: string, outcome: string) =>
        void list.push(`${kind} ended ${outcome}`),
      retried: () => void list.push("retried"),
      hedged: () => void list.push("hedged"),
    });
    using counted = bucketAt(engine.endpoint, engine.keys, { observer: into(all) });
    const own = counted.observedBy(into(seen));
    await own.put("c/a", Buffer.from("12345"), signal);
    await own.get("c/a", { maxBytes: 5, signal });
    await failsWith(own.get("c/b", { maxBytes: 5, signal }), "REMOTE_COPY_MISSING");
    assert.equal(await own.head("c/b", signal), undefined);
    assert.deepEqual(seen.slice(0, 4), [
      'cold put ok {"sent":5,"received":0}',
      "put ended OK",
      'cold get ok {"sent":0,"received":5}',
      "get ended OK",
    ]);
    assert.match(seen[4] ?? "", /^cold get missing /);
    assert.equal(seen[5], "get ended REMOTE_COPY_MISSING");
    assert.match(seen[6] ?? "", /^cold head missing /);
    // A second request confirms that the object is missing.
    assert.match(seen[8] ?? "", /^cold get missing /);
    await counted.delete("c/a", signal);
    assert.equal(seen.length, 10);
    assert.equal(all.length, 12);
  },
);

test("an upload that is cut off is never visible", { skip }, async () => {
  const stop = new AbortController();
  let reads = 0;
  const read = async (buffer: Buffer, at: number, length: number) => {
    reads += 1;
    // The first pass computes the hash. The second pass is aborted in its middle.
    if (reads > 12) {
      setTimeout(() => stop.abort(new Error("enough")), 50);
      await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
    }
    buffer.fill(1, at, at + length);
    return { bytesRead: length, buffer };
  };
  const handle = { read } as unknown as FileRegion["handle"];
  await assert.rejects(
    bucket.put("cut/a", { handle, offset: 0, length: 8 * mib }, stop.signal),
    /enough/,
  );
  assert.equal(reads, 13);
  assert.equal(await bucket.head("cut/a", signal), undefined);
  assert.deepEqual(await keysOf("cut/"), []);
});
