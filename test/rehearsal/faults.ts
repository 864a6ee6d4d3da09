// Defines the faults of a rehearsal. Each fault acts on a running stage from outside, as a real
// fault does, and can be undone.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { mkdir, readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { connect } from "../../src/client/index.js";
import { openPastMode } from "../support/tamper.js";
import { images } from "./load.js";
import type { Stage } from "./stage.js";

export interface Fault {
  /** A description for the player, which is printed at the end. */
  readonly what: string;
  /** The alert that must fire for this fault. */
  readonly alert: string;
  /** Causes the fault, and resolves when the fault is present. The result undoes the fault. */
  begin(stage: Stage, random: () => number): Promise<() => Promise<void>>;
}

const run = promisify(execFile);
const mib = 1024 * 1024;

export const faults = {
  "full-disk": {
    what: "another program fills the disk of node1",
    alert: "StasisDiskFull",
    begin: fillDisk,
  },
  "damaged-snapshot": {
    what: "a stored image of node1 has changed bytes; node2 has it whole",
    alert: "StasisSnapshotDamaged",
    begin: damage,
  },
  "stuck-pull": {
    what: "the link from node1 to node2 passes nothing, and no connection ends",
    alert: "StasisPullStuck",
    begin: freezeLink,
  },
  "noisy-tenant": {
    what: "one tenant opens uploads without end, and does not finish them",
    alert: "StasisRefusesIdentity",
    begin: makeNoise,
  },
  "slow-disk": {
    what: "each write of node1's disk takes 5 ms longer, each flush 150 ms",
    alert: "StasisSlowCommits",
    begin: slowDown,
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type ScenarioName = keyof typeof faults;
export const scenarioNames = Object.keys(faults) as ScenarioName[];

/** The number of free bytes that the other program leaves: half of the daemon's reserve. */
const leftBytes = 32 * mib;

async function fillDisk({ disk }: Stage): Promise<() => Promise<void>> {
  const directory = join(disk.mountPoint, "dumps");
  await mkdir(directory);
  const { bavail, bsize } = await statfs(disk.mountPoint);
  const sizeBytes = bavail * bsize - leftBytes;
  await run("fallocate", ["-l", String(sizeBytes), join(directory, "core.4711")]);
  return () => rm(directory, { recursive: true });
}

async function damage({ node1 }: Stage, random: () => number): Promise<() => Promise<void>> {
  const ref = images[Math.floor(random() * images.length)] ?? images[0];
  await using client = connect(node1.socket);
  const { snapshot } = await client.inspect(ref);
  const files = join(node1.root, "data", snapshot?.config?.id ?? "", "files");
  const paths = (await readdir(files)).map((name) => join(files, name));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const path = paths[sizes.indexOf(Math.max(...sizes))] ?? "";
  await using handle = await openPastMode(path);
  // The offset is in the first 64 KiB, where the largest file of every image has data.
  const at = 4096 * Math.floor(random() * 16);
  const before = Buffer.alloc(512);
  await handle.read(before, 0, before.length, at);
  await handle.write(randomBytes(before.length), 0, before.length, at);
  return async () => {
    await using again = await openPastMode(path);
    await again.write(before, 0, before.length, at);
  };
}

function freezeLink({ link }: Stage): Promise<() => Promise<void>> {
  // The link freezes in the middle of a pull, whose data has 2.3 MiB.
  link.freezeAfter(mib);
  return Promise.resolve(() => {
    link.thaw();
    return Promise.resolve();
  });
}

const noisyUploads = 90;

/** Makes uploads that send one byte from time to time. A refused upload is soon tried again. */
async function makeNoise({ tenants }: Stage, random: () => number): Promise<() => Promise<void>> {
  const { address, token, prefix } = tenants[Math.floor(random() * tenants.length)] ?? tenants[0];
  const ending = new AbortController();
  const { signal } = ending;
  setMaxListeners(0, signal);
  const client = connect(address, { token });
  const trickle = async function* (): AsyncGenerator<Uint8Array> {
    while (!signal.aborted) {
      yield Buffer.from([0]);
      await pause(2000, undefined, { signal }).catch(() => undefined);
    }
  };
  const uploads = Array.from({ length: noisyUploads }, async (_, index) => {
    while (!signal.aborted) {
      const config = { name: `${prefix}batch-${index}` };
      await client.create({ config }, trickle(), { signal }).catch(() => undefined);
      await pause(200, undefined, { signal }).catch(() => undefined);
    }
  });
  await pause(1000);
  return async () => {
    ending.abort();
    await Promise.all(uploads);
    client.close();
  };
}

function slowDown({ disk }: Stage): Promise<() => Promise<void>> {
  disk.setDelays({ write: 5, flush: 150 });
  return Promise.resolve(() => {
    disk.setDelays({ write: 0, flush: 0 });
    return Promise.resolve();
  });
}
