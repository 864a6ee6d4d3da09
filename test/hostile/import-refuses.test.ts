// Imports every hostile archive into the real daemon. Each import gets the documented reason, uses
// bounded memory and leaves nothing on disk or in the catalog. The next caller is served.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect, isStoreError, type ByteStream, type Client } from "../../src/client/index.js";
import { makeScratch } from "../support/daemon.js";
import { assertClean } from "../support/clean.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { forgetPeak, inMib, memoryOf } from "../support/memory.js";
import { envelopeCases } from "./envelope-cases.js";
import { headerCases } from "./header-cases.js";
import { archiveOf, goodFile, type HostileCase } from "./hostile-case.js";
import { nameCases } from "./name-cases.js";
import { sparseCases } from "./sparse-cases.js";
import { streamCases } from "./stream-cases.js";

const groups = { nameCases, headerCases, sparseCases, envelopeCases, streamCases };
const mib = 1024 * 1024;
/**
 * The bound on the growth of the daemon's memory after one valid archive, in bytes. The bombs
 * contain 8 GiB.
 */
const maxGrowthBytes = 256 * mib;
const timeoutMs = 60_000;
const chunkBytes = 64 * 1024;
/** The data of a snapshot, stored or in transit, is in these directories. */
const places = ["staging", "data", "trash", "quarantine", "transfers"];

for (const [group, cases] of Object.entries(groups)) {
  test(`${group}: ${cases.length} archives are refused with their reason and leave nothing`, async (t) => {
    const root = join(await makeScratch(t, "stasis-hostile-"), "root");
    {
      await using daemon = await startDaemonProcess(root);
      const client = connect(daemon.address);
      try {
        await assertServing(client, root);
        await meetAll(t, cases, { root, client, daemon });
      } finally {
        client.close();
      }
    }
    await assertClean(root);
  });
}

interface Target {
  readonly root: string;
  readonly client: Client;
  readonly daemon: DaemonProcess;
}

async function meetAll(
  t: TestContext,
  cases: readonly HostileCase[],
  target: Target,
): Promise<void> {
  const before = memoryOf(target.daemon, "VmRSS");
  let peak = { name: "none", bytes: 0 };
  const wrong: string[] = [];
  for (const hostile of cases) {
    forgetPeak(target.daemon);
    const outcome = await importOutcome(target.client, hostile);
    if (outcome !== hostile.expected) {
      wrong.push(`${hostile.name}: expected ${hostile.expected}, got ${outcome}`);
    }
    const bytes = memoryOf(target.daemon, "VmHWM");
    if (bytes > peak.bytes) peak = { name: hostile.name, bytes };
    await assertServing(target.client, target.root);
  }
  const after = memoryOf(target.daemon, "VmRSS");
  t.diagnostic(
    `${cases.length} archives: ${inMib(before)} before, ${inMib(after)} after, peak ${inMib(peak.bytes)} (${peak.name})`,
  );
  assert.deepEqual(wrong, []);
  assert.ok(peak.bytes - before < maxGrowthBytes, `${peak.name} took ${inMib(peak.bytes)}`);
}

/** Returns the reason of the refusal. If the snapshot was stored, deletes it again. */
async function importOutcome(client: Client, hostile: HostileCase): Promise<string> {
  try {
    const { snapshot } = await client.import({}, piecesOf(hostile.bytes()), { timeoutMs });
    await client.delete({ refs: [snapshot?.config?.id ?? ""] });
    return "stored";
  } catch (error) {
    if (isStoreError(error)) return error.reason;
    throw error;
  }
}

/** Checks that a normal import works and can be deleted. Afterwards the store is empty. */
async function assertServing(client: Client, root: string): Promise<void> {
  const { snapshot } = await client.import({}, piecesOf(archiveOf(goodFile)), { timeoutMs });
  const { snapshots } = await client.list({});
  assert.deepEqual(
    snapshots.map(({ config }) => config?.id),
    [snapshot?.config?.id],
  );
  await client.delete({ refs: [snapshot?.config?.id ?? ""] });
  await eventually("the end of the clean-up", () => leftovers(root).length === 0);
}

function leftovers(root: string): string[] {
  return places.flatMap((place) => {
    try {
      return readdirSync(join(root, place)).map((name) => `${place}/${name}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  });
}

async function* piecesOf(bytes: Uint8Array | Iterable<Uint8Array>): ByteStream {
  for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) {
    for (let start = 0; start < part.byteLength; start += chunkBytes) {
      yield part.subarray(start, start + chunkBytes);
    }
  }
}
