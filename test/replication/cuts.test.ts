// The link cut at random bytes of a pull: the next call goes on, and the result is always the same.
// STASIS_CUTS=1000 makes it the long run; STASIS_SEED repeats one.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { entriesOf, makeSource, piece } from "../store/contents.js";
import { checkContent, createOn, mib, pull, startNode } from "./nodes.js";
import { openWireProxy } from "./wire-proxy.js";

const cuts = Number(process.env["STASIS_CUTS"] ?? 20);
const seed = Number(process.env["STASIS_SEED"] ?? Date.now() % 1_000_000);
/** What may be on its way when the link goes: HTTP/2 windows, and blocks not written yet. */
const inFlightBytes = 8 * mib;

test(`${cuts} cuts at random bytes, each followed by another call`, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeSource(join(from.scratch, "source"), [
    { name: "config", sizeBytes: 100, pieces: [piece(0, 100)] },
    { name: "memory", sizeBytes: 64 * mib, pieces: [piece(0, 9 * mib), piece(40 * mib, 5 * mib)] },
    { name: "state", sizeBytes: 300_000, pieces: [piece(0, 300_000)] },
  ]);
  const { digest } = await createOn(from, source, "web");
  await using proxy = await openWireProxy(from.address);
  const request = { source: proxy.address, ref: "web" };
  proxy.cutAfter(Number.POSITIVE_INFINITY);
  await pull(to, request);
  await to.client.delete("web");
  const wholeBytes = proxy.passedBytes();
  const random = createRandom(seed);
  let failed = 0;
  let mostAgain = 0;
  for (let cut = 0; cut < cuts; cut += 1) {
    const at = Math.floor(random() * wholeBytes);
    proxy.cutAfter(at, random() < 0.5 ? "reset" : "close");
    const first = await pull(to, request).then(
      () => true,
      () => false,
    );
    const firstBytes = proxy.passedBytes();
    if (first) {
      await to.client.delete("web");
      continue;
    }
    failed += 1;
    assert.equal((await to.client.list()).totalSize, 0n, `cut at ${at}: nothing is visible`);
    proxy.cutAfter(Number.POSITIVE_INFINITY);
    const { snapshot } = await pull(to, request);
    assert.equal(snapshot.digest, digest, `cut at ${at}`);
    mostAgain = Math.max(mostAgain, firstBytes + proxy.passedBytes() - wholeBytes);
    assert.ok(mostAgain < inFlightBytes, `cut at ${at}: ${mostAgain} bytes were sent again`);
    if (cut % 10 === 0) await checkContent(to, "web", source);
    await to.client.delete("web");
  }
  t.diagnostic(`${failed} pulls were cut; at most ${mostAgain} bytes travelled twice`);
  assert.ok(failed > cuts / 2, "most cuts must hit");
  assert.deepEqual(await entriesOf(to.root, "data"), []);
  assert.deepEqual(await entriesOf(to.root, "staging"), []);
});

/** Mulberry32: the same numbers for the same seed. */
function createRandom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
