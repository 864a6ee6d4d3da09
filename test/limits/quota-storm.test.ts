// Tests the main property of quotas: during random calls, the root never takes more disk space than
// the quota and a fixed amount for the store itself. The test checks the space all the time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect, isStoreError, type Client } from "../../src/client/index.js";
import { spaceBelow } from "../../src/files/leftovers.js";
import { startScene } from "../access/callers.js";
import { endMarker } from "../hostile/hostile-case.js";
import { kib, mib, streamOf } from "../store/contents.js";
import { eventually } from "../support/eventually.js";
import { createRandom, type Random } from "../support/random.js";
import { patternBytes } from "../support/scratch.js";
import { rawFile } from "../unit/archive/support.js";

const quotaBytes = 10 * mib;
const prefixQuotaBytes = 5 * mib;
/**
 * This allows for the ballast of 4 MiB, the write-ahead log, the events and free pages of the
 * catalog. See SECURITY.md.
 */
const slackBytes = 20 * mib;
const callsOfEach = 40;
const tenants = ["a/", "b/", "c/"];

const expected = new Set([
  "STORAGE_FULL",
  "SNAPSHOT_NOT_FOUND",
  "SNAPSHOT_NAME_TAKEN",
  "SNAPSHOT_IN_USE",
  "OPERATION_IN_PROGRESS",
  "CALL_CANCELLED",
]);

function tarOf(random: Random): Buffer {
  const count = random.below(4) === 0 ? 1 + random.below(40) : 1 + random.below(3);
  const files = Array.from({ length: count }, (_, n) => {
    const bytes = random.below(3) === 0 ? 0 : random.below(Math.ceil((3 * mib) / count));
    return rawFile(`f${n}`, patternBytes(bytes, n + 1));
  });
  return Buffer.concat([...files, endMarker]);
}

interface Callers {
  readonly client: Client;
  /** An operator opens directories, because tenants may not open them. */
  readonly operator: Client;
}

/** Makes one random call of one tenant. */
async function act({ client, operator }: Callers, prefix: string, random: Random): Promise<void> {
  const ref = `${prefix}${random.below(6)}`;
  const kind = random.below(10);
  if (kind < 5) {
    const labels = random.below(4) === 0 ? { k: "v".repeat(250) } : {};
    const imageBlobIds =
      random.below(6) === 0
        ? Array.from({ length: 100 }, (_, n) => `${random.below(1000)}-${n}`.padEnd(300, "b"))
        : [];
    const onNameConflict = random.below(2) === 0 ? 2 : 1;
    const config = { name: ref, labels, imageBlobIds };
    await client.create({ config, onNameConflict }, streamOf(tarOf(random)));
  } else if (kind < 7) {
    await client.delete({ refs: [ref], allowMissing: true });
  } else if (kind === 7) {
    const download = await client.restore(ref);
    const bytes = download.bytes[Symbol.asyncIterator]();
    await bytes.next();
    await pause(random.below(600));
    // Half of the readers disconnect before they have read everything.
    if (random.below(2) === 0) await download[Symbol.asyncDispose]();
    else for (let next = await bytes.next(); next.done !== true; next = await bytes.next());
  } else if (kind === 8) {
    await using _ = await operator.openDataDirectory(ref);
    await pause(random.below(600));
  } else {
    const updateMask = { paths: ["name", "description"] };
    const description = "d".repeat(random.below(1000));
    await client.update({ ref, name: `${prefix}${random.below(6)}`, description, updateMask });
  }
}

test("random calls never take more space than the quota and a fixed amount", async (t) => {
  const flags = { "max-store": `${quotaBytes}B`, "prefix-quota": `${prefixQuotaBytes}B` };
  const scene = await startScene(t, { flags });
  const operator = connect(scene.address);
  t.after(() => operator.close());
  const seed = Number(process.env["STORM_SEED"] ?? 1);
  const tally = new Map<string, number>();
  const count = (what: string): void => void tally.set(what, (tally.get(what) ?? 0) + 1);
  const caller = async (client: Client, prefix: string, random: Random): Promise<void> => {
    for (let call = 0; call < callsOfEach; call += 1) {
      try {
        await act({ client, operator }, prefix, random);
        count("done");
      } catch (error) {
        if (!isStoreError(error) || !expected.has(error.reason)) throw error;
        count(error.reason);
      }
    }
  };
  let peakBytes = 0;
  let looks = 0;
  let over = false;
  const observe = async (): Promise<void> => {
    while (!over) {
      const { allocatedBytes } = await spaceBelow(scene.root);
      peakBytes = Math.max(peakBytes, allocatedBytes);
      looks += 1;
      const { usage } = await operator.getInfo();
      assert.ok(usage !== undefined && usage.chargedBytes <= quotaBytes, "charged above the quota");
    }
  };
  const callers = tenants.flatMap((prefix, tenant) => {
    const token = scene.newToken({ name: `t${tenant}`, role: "operator", namePrefix: prefix });
    return [0, 1].map((n) => {
      const client = scene.client(scene.tcpAddress, { tls: scene.tls(), token });
      return caller(client, prefix, createRandom(seed * 100 + tenant * 10 + n));
    });
  });
  const calls = Promise.all(callers).finally(() => (over = true));
  await Promise.all([observe(), calls]);
  t.diagnostic(
    `${JSON.stringify(Object.fromEntries(tally))}, ${looks} looks, peak ${Math.round(peakBytes / kib)} KiB ` +
      `at a quota of ${quotaBytes / kib} KiB`,
  );
  assert.ok(peakBytes <= quotaBytes + slackBytes, `${peakBytes} bytes were taken`);
  assert.ok((tally.get("STORAGE_FULL") ?? 0) > 0, "the quota was never met");
  assert.ok((tally.get("done") ?? 0) > 50);
  const refs = (await operator.list({ pageSize: 1000 })).snapshots.map(
    ({ config }) => config?.id ?? "",
  );
  if (refs.length > 0) await operator.delete({ refs });
  await eventually("all space to be free", async () => {
    const { usage } = await operator.getInfo();
    return usage?.chargedBytes === 0n;
  });
  const { allocatedBytes } = await spaceBelow(scene.root);
  assert.ok(allocatedBytes <= slackBytes, `${allocatedBytes} bytes are left`);
});
