// Tests that objects whose keys must not be used again are stored with one request for each key,
// whatever happens to the request (docs/remote-protocols.md, "Rules for every request").
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import type { Bucket } from "../../src/remote/s3/bucket.js";
import { bucketAt, fewAttempts, impatient, noEngine, startEngine } from "../support/engine.js";
import type { Engine } from "../support/engine.js";
import { startFaultyProxy, type Fault, type FaultyProxy } from "../support/faulty-proxy.js";
import { patternBytes, withScratchDir } from "../support/scratch.js";
import { createFrom, download, never, openTestStore } from "../unit/store/support.js";
import { openRemote, pull, push } from "./nodes.js";

const skip = noEngine;
const bytes = patternBytes(100_000, 11);

let engine: Engine;
let proxy: FaultyProxy;
let direct: Bucket & Disposable;
let patient: Bucket & Disposable;
let hurried: Bucket & Disposable;

before(async () => {
  if (skip !== false) return;
  engine = await startEngine();
  proxy = await startFaultyProxy(engine.endpoint);
  direct = bucketAt(engine.endpoint, engine.keys);
  patient = bucketAt(proxy.endpoint, engine.keys, { timing: fewAttempts });
  hurried = bucketAt(proxy.endpoint, engine.keys, { timing: impatient });
});

after(async () => {
  if (skip !== false) return;
  for (const each of [direct, patient, hurried]) each[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

interface Expected {
  readonly fault: Fault;
  /** True if the call must store the object. */
  readonly stored: boolean;
  /** The number of PUT requests that the proxy must receive. */
  readonly puts: number;
}

const cases: Readonly<Record<string, Expected>> = {
  "status 500": { fault: { kind: "answer", status: 500 }, stored: false, puts: 1 },
  "status 408": { fault: { kind: "answer", status: 408 }, stored: false, puts: 1 },
  "status 503": { fault: { kind: "answer", status: 503 }, stored: false, puts: 1 },
  "status 429": { fault: { kind: "answer", status: 429 }, stored: true, puts: 2 },
  "a reset before the engine": { fault: { kind: "reset-before" }, stored: false, puts: 1 },
  "a reset after the engine": { fault: { kind: "reset-after" }, stored: true, puts: 1 },
  "a cut answer": { fault: { kind: "cut" }, stored: true, puts: 1 },
  "no answer": { fault: { kind: "silent" }, stored: true, puts: 1 },
};

for (const [name, { fault, stored, puts }] of Object.entries(cases)) {
  test(`a PUT that is sent once meets ${name}`, { skip }, async () => {
    const bucket = fault.kind === "silent" ? hurried : patient;
    const key = `once/${name.replaceAll(" ", "-")}`;
    proxy.failNext("put", fault);
    const before = proxy.seen.length;
    assert.equal(await bucket.putOnce(key, bytes, never), stored);
    const sent = proxy.seen.slice(before).filter(({ kind }) => kind === "put");
    assert.equal(sent.length, puts);
    assert.equal((await direct.head(key, never)) !== undefined, stored);
  });
}

test("a push whose first PUTs fail burns keys, and the snapshot is complete", { skip }, () =>
  withScratchDir(async (scratch) => {
    await using one = await openTestStore(join(scratch, "one"));
    await using two = await openTestStore(join(scratch, "two"));
    await createFrom(one, "vm", { memory: patternBytes(1_000_000, 3), state: Buffer.from("{}") });
    const bucket = bucketAt(proxy.endpoint, engine.keys, {
      ...{ timing: fewAttempts, table: { prefix: "burnt/" } },
    });
    try {
      const remote = await openRemote(bucket);
      // These faults hit the PUTs of the claim, the pack and the map. A lost PUT burns its key, and
      // the push continues with another key. A kept PUT is stored, although its answer is lost.
      const lost: Fault = { kind: "answer", status: 500 };
      const kept: Fault = { kind: "reset-after" };
      proxy.failNext("put", lost, kept, lost, kept, lost, kept);
      const before = proxy.seen.length;
      const pushed = await push(remote, one, "vm");
      const keys = proxy.seen
        .slice(before)
        .filter(({ kind }) => kind === "put")
        .map(({ url }) => url);
      assert.equal(new Set(keys).size, keys.length, `a key was sent twice: ${keys.join(" ")}`);
      const snapshot = await pull(remote, two, pushed.id);
      const filled = { sparseFormat: "none" } as const;
      const back = await download(two, snapshot.config.id, filled);
      assert.ok(back.equals(await download(one, "vm", filled)), "the bytes differ");
      for await (const { key } of bucket.list("claims/", { signal: never })) {
        assert.fail(`claim ${key} is left`);
      }
    } finally {
      bucket[Symbol.dispose]();
    }
  }),
);
