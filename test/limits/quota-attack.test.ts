// Tests attacks on the quota. Each repeats one kind of call until the daemon refuses it, while the
// test measures the disk space of the root.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { connect, isStoreError, type Client } from "../../src/client/index.js";
import { spaceBelow } from "../../src/files/leftovers.js";
import { endMarker } from "../hostile/hostile-case.js";
import { kib, mib, streamOf } from "../store/contents.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { makeScratch } from "../support/daemon.js";
import { patternBytes } from "../support/scratch.js";
import { rawFile } from "../unit/archive/support.js";

const quotaBytes = 64 * mib;
/**
 * This allows for the ballast of 4 MiB, the write-ahead log and free pages of the catalog. See
 * SECURITY.md.
 */
const slackBytes = 16 * mib;
/** If the store counted nothing, this many rounds would take more than twice the quota. */
const maxRounds = 25;

function tarOf(files: readonly (readonly [string, Buffer])[]): Buffer {
  return Buffer.concat([...files.map(([name, bytes]) => rawFile(name, bytes)), endMarker]);
}

const large = tarOf([["memory", patternBytes(24 * mib, 1)]]);
const small = tarOf([["memory", patternBytes(5000, 1)]]);
const empty = tarOf(Array.from({ length: 4090 }, (_, n) => [`f${n}`, Buffer.alloc(0)] as const));
const blobIds = (round: number): string[] =>
  Array.from({ length: 1000 }, (_, n) => `${round}-${n}-`.padEnd(1024, "x"));

const attacks: Readonly<Record<string, (client: Client, round: number) => Promise<unknown>>> = {
  "what is deleted while it is read": async (client) => {
    await client.create({ config: { name: "vm" } }, streamOf(large));
    const { bytes } = await client.restore("vm");
    await bytes[Symbol.asyncIterator]().next();
    await client.delete({ refs: ["vm"] });
  },
  "what is replaced while its directory is open": async (client) => {
    await client.create({ config: { name: "vm" }, onNameConflict: 2 }, streamOf(large));
    await client.openDataDirectory("vm");
  },
  "1,000 blob ids of 1 KiB each": (client, round) =>
    client.create({ config: { imageBlobIds: blobIds(round) } }, streamOf(small)),
  "4,090 empty files each": (client) => client.create({}, streamOf(empty)),
};

for (const [title, attack] of Object.entries(attacks)) {
  test(`an attack on max_store is refused at the quota: ${title}`, async (t) => {
    const scratch = await makeScratch(t, "stasis-attack-");
    const root = join(scratch, "root");
    await using daemon = await startDaemonProcess(root, { "max-store": "64MiB" });
    const client = connect(daemon.address);
    t.after(() => client.close());
    const before = await spaceBelow(root);
    let refused = false;
    let rounds = 0;
    while (!refused && rounds < maxRounds) {
      try {
        await attack(client, rounds);
        rounds += 1;
      } catch (error) {
        if (!isStoreError(error, "STORAGE_FULL")) throw error;
        refused = true;
      }
    }
    const { allocatedBytes, inodes } = await spaceBelow(root);
    t.diagnostic(
      `${rounds} rounds, ${Math.round(allocatedBytes / kib)} KiB and ${inodes - before.inodes} inodes ` +
        `at a quota of ${quotaBytes / kib} KiB${refused ? "" : "; never refused"}`,
    );
    assert.ok(refused, "the quota was never met");
    assert.ok(rounds > 0, "nothing was stored");
    assert.ok(allocatedBytes <= quotaBytes + slackBytes, `${allocatedBytes} bytes are taken`);
  });
}
