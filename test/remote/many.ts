// Fills a bucket with many synthetic snapshots, and measures a daemon that lists, finds, pushes and
// collects there.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type Client } from "../../src/client/index.js";
import { manifestVersion, snapshotDigest } from "../../src/files/manifest.js";
import { emptyConfig } from "../../src/model/config.js";
import { encodeCommit } from "../../src/remote/format/commit.js";
import { mapKey, packKey, snapshotKey } from "../../src/remote/format/keys.js";
import { createMapWriter, encodePacks } from "../../src/remote/format/map.js";
import { newRemoteId } from "../../src/remote/format/remote-id.js";
import { noSeal } from "../../src/remote/format/seal.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import type { Engine } from "../support/engine.js";
import { forgetPeak, memoryOf } from "../support/memory.js";
import { packDirectory } from "../store/contents.js";
import { pushTo, writeRemoteConfig } from "./daemons.js";

const gib = 1024 ** 3;
/** The logical size of each snapshot. */
const sizeBytes = 4096 * gib;

interface ManyOptions {
  readonly engine: Pick<Engine, "endpoint" | "keys" | "directory">;
  /** An empty directory. */
  readonly scratch: string;
  readonly snapshots: number;
}

/** The measurements of one operation of the daemon. */
interface ManyStep {
  readonly name: string;
  readonly seconds: number;
  /** The peak of the daemon's resident memory during the step, in bytes. */
  readonly peakBytes: number;
}

export interface ManyReport {
  /** The resident memory before the first step, in bytes. */
  readonly beforeBytes: number;
  readonly steps: readonly ManyStep[];
}

/** Runs all steps. Fails if an answer is wrong. */
export async function playMany({ engine, scratch, snapshots }: ManyOptions): Promise<ManyReport> {
  const config = await writeRemoteConfig(scratch, engine);
  await using daemon = await startDaemonProcess(join(scratch, "root"), { config }, {});
  await using client = connect(daemon.address);
  // The first push makes the repository.
  await createSmall(client, scratch, "first");
  await pushTo({ client }, { ref: "first" });
  await fillBucket(engine.directory, snapshots);
  const beforeBytes = memoryOf(daemon, "VmRSS");
  const steps: ManyStep[] = [];
  const measure = async (name: string, work: () => Promise<void>): Promise<void> => {
    forgetPeak(daemon);
    const start = performance.now();
    await work();
    const seconds = (performance.now() - start) / 1000;
    steps.push({ name, seconds, peakBytes: memoryOf(daemon, "VmHWM") });
  };
  const total = BigInt(snapshots + 1);
  await measure("first list", async () => {
    const page = await client.listRemoteSnapshots({ remote: "cold", pageSize: 1 });
    assert.deepEqual([page.totalSize, page.brokenSize], [total, 0n]);
  });
  await measure("second list, all pages", async () => {
    assert.equal(await countAll(client), Number(total));
  });
  await measure("find by name", async () => {
    const filter = { namePrefix: "vm-7", labels: { vm: "7" } };
    const page = await client.listRemoteSnapshots({ remote: "cold", filter });
    assert.deepEqual(
      page.snapshots.map(({ config: found }) => found?.name),
      ["vm-7"],
    );
  });
  await measure("push", async () => {
    await createSmall(client, scratch, "second");
    await pushTo({ client }, { ref: "second" });
  });
  await measure("collection, dry", async () => {
    const events = client.collectRemoteGarbage({ remote: "cold", dryRun: true });
    let found = 0n;
    for await (const { event } of events) {
      if (event.case === "result") found = event.value.snapshots;
    }
    assert.equal(found, total + 1n);
  });
  return { beforeBytes, steps };
}

async function createSmall(client: Client, scratch: string, name: string): Promise<void> {
  const directory = join(scratch, name);
  await mkdir(directory);
  await writeFile(join(directory, "memory"), `memory of ${name}`);
  await client.create({ config: { name, labels: { vm: "new" } } }, packDirectory(directory));
}

async function countAll(client: Client): Promise<number> {
  let count = 0;
  let pageToken = "";
  do {
    const request = { remote: "cold", pageSize: 1000, pageToken };
    const page = await client.listRemoteSnapshots(request);
    count += page.snapshots.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return count;
}

/** Writes the objects as files into the directory of the bucket. Each snapshot has one pack. */
async function fillBucket(bucket: string, snapshots: number): Promise<void> {
  const prefix = join(bucket, "prod");
  const shards = new Set<string>();
  for (let index = 0; index < snapshots; index += 1) {
    const id = newRemoteId(new Date());
    const push = newRemoteId(new Date());
    const pack = { push, attempt: 0, sequence: 0, bytes: 0, keyId: undefined };
    const map = createMapWriter(id, noSeal);
    map.add("table", "memory", Buffer.alloc(0));
    map.add("places", "memory", Buffer.alloc(0));
    map.add("bases", "", Buffer.alloc(0));
    map.add("packs", "", encodePacks([pack]));
    const { pieces, bytes, sections } = map.finish();
    const commit = encodeCommit(commitOf(id, index, { bytes, sections }), noSeal);
    const key = packKey(pack);
    const shard = join(prefix, key, "..");
    if (!shards.has(shard)) await mkdir(shard, { recursive: true });
    shards.add(shard);
    await Promise.all([
      writeFile(join(prefix, key), ""),
      writeFile(join(prefix, mapKey(id)), Buffer.concat([...pieces])),
      writeFile(join(prefix, snapshotKey(id)), commit),
    ]);
  }
}

function commitOf(
  id: string,
  index: number,
  map: Parameters<typeof encodeCommit>[0]["map"],
): Parameters<typeof encodeCommit>[0] {
  const hex = index.toString(16).padStart(64, "0");
  const localId = index.toString(16).padStart(16, "0");
  const labels = { vm: String(index), keep: "yes", team: "storage" };
  const config = { ...emptyConfig(), id: localId, name: `vm-${index}`, labels };
  const file = { name: "memory", sizeBytes, allocatedBytes: 0, mode: 0o600 };
  const files = [{ ...file, digest: `sha256:${hex}` }];
  return {
    ...{ id, pushedAt: new Date(), nodeId: "01jzzzzzzzzzzzzzzzzzzzzzzz", parentDigest: "" },
    manifest: {
      ...{ version: manifestVersion, revision: 0, id: localId, config, createdAt: new Date() },
      ...{
        protected: false,
        expireTime: undefined,
        parentDigest: "",
        digest: snapshotDigest(files),
        files,
      },
    },
    ...{ map, dataBytes: 0, packedBytes: 0 },
  };
}
