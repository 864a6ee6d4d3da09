// Tests that a push which was cut off continues with the packs that it has stored, on a real
// engine, and that it uses no pack that a collection may have deleted.
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { connect } from "../../src/client/index.js";
import { collectRemote } from "../../src/remote/collect.js";
import { encodeJson } from "../../src/remote/format/checked-json.js";
import { collectionKey, packKey } from "../../src/remote/format/keys.js";
import { newRemoteId } from "../../src/remote/format/remote-id.js";
import { readCommit, readPacks, type RemoteReader } from "../../src/remote/remote-map.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { createOn } from "../replication/nodes.js";
import { makeScratch } from "../support/daemon.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { bucketAt, noEngine, startEngine, type Engine } from "../support/engine.js";
import { eventually } from "../support/eventually.js";
import { withScratchDir } from "../support/scratch.js";
import { createFrom, download, never, openTestStore } from "../unit/store/support.js";
import { pushTo, writeRemoteConfig } from "./daemons.js";
import { openRemote, pull, push, pushWith, someSecret } from "./nodes.js";

const skip = noEngine;
const mib = 1024 * 1024;
const pageBytes = 4096;
const blockBytes = 256 * 1024;
/** A pack of incompressible blocks is a little larger. */
const packBytes = 16 * mib;

let engine: Engine;
let prefixes = 0;

before(async () => {
  if (skip === false) engine = await startEngine();
});

after(async () => {
  if (skip === false) await engine[Symbol.asyncDispose]();
});

interface Scene {
  readonly one: SnapshotStore;
  readonly two: SnapshotStore;
  readonly remote: RemoteReader;
  /** The directory of the objects. */
  readonly directory: string;
}

function withRemote(
  secret: Uint8Array | undefined,
  body: (scene: Scene) => Promise<void>,
): () => Promise<void> {
  return () =>
    withScratchDir(async (scratch) => {
      prefixes += 1;
      const prefix = `test${prefixes}/`;
      using bucket = bucketAt(engine.endpoint, engine.keys, { table: { prefix } });
      await using one = await openTestStore(join(scratch, "one"));
      await using two = await openTestStore(join(scratch, "two"));
      const remote = await openRemote(bucket, secret);
      await body({ one, two, remote, directory: join(engine.directory, prefix) });
    });
}

async function keysBelow({ remote }: Pick<Scene, "remote">, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of remote.bucket.list(prefix, { signal: never })) keys.push(key);
  return keys.sort();
}

async function packsOf({ remote }: Pick<Scene, "remote">, id: string): Promise<string[]> {
  const commit = await readCommit(remote, id, never);
  return (await readPacks(remote, commit, never)).map(packKey).sort();
}

/** Pushes, and cuts the push off when it has stored and noted this many packs. */
async function cutOff(
  { one, remote }: Scene,
  ref: string,
  packs: number,
  base?: Parameters<typeof push>[3],
): Promise<void> {
  let sent = 0;
  const noted = async (): Promise<boolean> => {
    const [journal] = await one.transfers.journals();
    if (journal === undefined) return false;
    return (await one.transfers.journal(journal.name).notes()).length === 1 + packs;
  };
  const throttle = async (): Promise<void> => {
    sent += 1;
    if (sent <= packs) return;
    await eventually("the packs", noted);
    throw new Error("cut off");
  };
  await assert.rejects(pushWith(remote, one, ref, { base, throttle }), /cut off/);
}

async function assertEqual({ one, two, remote }: Scene, ref: string, id: string): Promise<void> {
  const pulled = await pull(remote, two, id);
  assert.equal(pulled.digest, one.inspect(ref).digest);
  const bytes = await download(two, pulled.config.id);
  assert.ok(bytes.equals(await download(one, ref)), "the bytes differ");
  await two.delete({ refs: [pulled.config.id], allowMissing: false });
}

for (const how of ["plain", "encrypted"] as const) {
  const secret = how === "plain" ? undefined : someSecret;
  test(
    `${how}: a push that was cut off sends only the rest`,
    { skip },
    withRemote(secret, async (scene) => {
      const { one, remote } = scene;
      const bytes = { disk: randomBytes(24 * mib), memory: randomBytes(56 * mib) };
      await createFrom(one, "vm", bytes);
      await cutOff(scene, "vm", 3);
      const before = await keysBelow(scene, "packs/");
      assert.equal(before.length, 3);
      const { id, sentBytes, totalBytes } = await push(remote, one, "vm");
      assert.equal(totalBytes, 80 * mib);
      assert.ok(sentBytes < totalBytes - 3 * packBytes + mib, `${sentBytes} bytes sent`);
      const packs = await packsOf(scene, id);
      assert.deepEqual(packs, await keysBelow(scene, "packs/"), "a pack is left");
      for (const pack of before) assert.ok(packs.includes(pack), `${pack} is not used`);
      const claims = await keysBelow(scene, "claims/");
      assert.equal(claims.length, 1, "only the claim of the first try stays until it expires");
      assert.deepEqual(await one.transfers.journals(), []);
      const commit = await readCommit(remote, id, never);
      assert.ok(commit.packedBytes > 80 * mib, "the packs of the first try count");
      await assertEqual(scene, "vm", id);
    }),
  );
}

test(
  "a push that was cut off twice uses the packs of both tries",
  { skip },
  withRemote(undefined, async (scene) => {
    const { one, remote } = scene;
    await createFrom(one, "vm", { memory: randomBytes(66 * mib) });
    await cutOff(scene, "vm", 1);
    let sent = 0;
    const second = (): Promise<void> => {
      sent += 1;
      return sent === 3 ? Promise.reject(new Error("cut off")) : Promise.resolve();
    };
    await assert.rejects(pushWith(remote, one, "vm", { throttle: second }), /cut off/);
    const noted = async (): Promise<boolean> => {
      const [journal] = await one.transfers.journals();
      return (await one.transfers.journal(journal?.name ?? "").notes()).length === 4;
    };
    await eventually("the packs of the second try", noted);
    const { id, sentBytes } = await push(remote, one, "vm");
    assert.ok(sentBytes < 66 * mib - 3 * packBytes + mib, `${sentBytes} bytes sent`);
    assert.deepEqual(await packsOf(scene, id), await keysBelow(scene, "packs/"));
    await assertEqual(scene, "vm", id);
  }),
);

/** Changes 20 pages of each block, so that each block is a patch of about 80 KiB. */
function withChangedPages(memory: Buffer): Buffer {
  const changed = Buffer.from(memory);
  for (let block = 0; block < memory.length; block += blockBytes) {
    for (let page = 0; page < 20; page += 1) {
      randomBytes(pageBytes).copy(changed, block + 3 * page * pageBytes);
    }
  }
  return changed;
}

test(
  "patches of a push that was cut off are used with the same base, and not with another",
  { skip },
  withRemote(undefined, async (scene) => {
    const { one, remote } = scene;
    const memory = randomBytes(64 * mib);
    await createFrom(one, "base", { memory });
    const first = await push(remote, one, "base");
    await createFrom(one, "vm", { memory: withChangedPages(memory) });
    const base = { remoteId: first.id, local: "base" };
    await cutOff(scene, "vm", 1, base);
    const resumed = await push(remote, one, "vm", base);
    assert.ok(resumed.sentBytes < 6 * mib, `${resumed.sentBytes} bytes sent`);
    await assertEqual(scene, "vm", resumed.id);

    await createFrom(one, "base-2", { memory: withChangedPages(memory) });
    const other = await push(remote, one, "base-2");
    await createFrom(one, "vm-2", { memory: withChangedPages(memory) });
    await cutOff(scene, "vm-2", 1, base);
    const changed = { remoteId: other.id, local: "base-2" };
    const again = await push(remote, one, "vm-2", changed);
    assert.ok(again.sentBytes > 16 * mib, "patches of another base were used");
    await assertEqual(scene, "vm-2", again.id);
    const { id } = await push(remote, one, "vm-2", base);
    await assertEqual(scene, "vm-2", id);
    await createFrom(one, "vm-3", { memory: withChangedPages(memory) });
    await cutOff(scene, "vm-3", 1, base);
    const alone = await push(remote, one, "vm-3");
    assert.ok(alone.sentBytes > 64 * mib, "a patch was used without its base");
    await assertEqual(scene, "vm-3", alone.id);
  }),
);

test(
  "packs that are doomed, gone or damaged are sent again under other keys",
  { skip },
  withRemote(undefined, async (scene) => {
    const { one, remote, directory } = scene;
    await createFrom(one, "vm", { memory: randomBytes(66 * mib) });
    await cutOff(scene, "vm", 3);
    const [doomed = "", gone = "", damaged = ""] = await keysBelow(scene, "packs/");
    const intent = collectionKey(newRemoteId(new Date()));
    const content = { version: 1, keys: [doomed] };
    const json = encodeJson(intent, content, remote.repository.sealFor(intent));
    await remote.bucket.put(intent, json, never);
    await rm(join(directory, gone));
    const bytes = await readFile(join(directory, damaged));
    const at = bytes.length - 100;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    await writeFile(join(directory, damaged), bytes);
    const { id, sentBytes } = await push(remote, one, "vm");
    assert.ok(sentBytes > 66 * mib, `${sentBytes} bytes sent`);
    const packs = await packsOf(scene, id);
    for (const pack of [doomed, gone, damaged]) assert.ok(!packs.includes(pack), pack);
    await assertEqual(scene, "vm", id);
    await rm(join(directory, intent));
    const options = { graceMs: 0, claimTtlMs: -1000, dryRun: false };
    await collectRemote({ ...remote, clock: systemClock }, options, never);
    assert.deepEqual(await keysBelow(scene, "packs/"), packs);
    await assertEqual(scene, "vm", id);
  }),
);

test(
  "a daemon that is killed in the middle of a push sends only the rest after its start",
  { skip },
  async (t) => {
    const scratch = await makeScratch(t, "stasis-resume-");
    const prefix = "killed/";
    const config = await writeRemoteConfig(scratch, engine, { prefix });
    const source = join(scratch, "source");
    await mkdir(source);
    await writeFile(join(source, "memory"), randomBytes(80 * mib));
    const root = join(scratch, "root");
    const request = { ref: "vm", requestId: randomUUID() };
    {
      await using daemon = await startDaemonProcess(root, { config });
      const client = connect(daemon.address);
      await createOn({ client }, source, "vm");
      const limitBytesPerSecond = BigInt(16 * mib);
      const first = pushTo({ client }, { ...request, limitBytesPerSecond }).catch(() => "failed");
      const transfers = join(root, "transfers");
      await eventually("two packs in the journal", async () => {
        const [journal] = await readdir(transfers);
        if (journal === undefined) return false;
        return (await readFile(join(transfers, journal), "utf8")).split("\n").length > 3;
      });
      await daemon.kill();
      assert.equal(await first, "failed");
      client.close();
    }
    await using daemon = await startDaemonProcess(root, { config });
    const client = connect(daemon.address);
    t.after(() => client.close());
    const { progress, snapshot } = await pushTo({ client }, request);
    const sent = Number(progress.sentBytes);
    t.diagnostic(`${sent} of ${progress.totalBytes} bytes sent`);
    assert.ok(sent < 80 * mib - 2 * packBytes + mib, `${sent} bytes sent`);
    const again = await pushTo({ client }, request);
    assert.equal(again.snapshot.id, snapshot.id);
    assert.equal(again.progress.sentBytes, 0n);
  },
);
