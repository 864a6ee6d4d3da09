// Adopts a store that cocoon itself has written, with unfinished snapshots and one without a
// directory. Compares every file.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Client } from "../../../src/client/index.js";
import { makeSource, piece } from "../../store/contents.js";
import { runStasis } from "../../unit/cli/run-stasis.js";
import { compareConfigs, compareStoredTree, exportedConfig } from "./differences.js";
import type { Peer } from "./peer.js";

export interface StoreSize {
  readonly ready: number;
  readonly pending: number;
  readonly missing: number;
}

/** Contains lines about the work done. `problems` is empty if all comparisons succeeded. */
export interface Adoption {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

interface Made {
  readonly id: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly source: string;
}

/**
 * Makes a store at `root` and returns its ready snapshots. `sources` receives the original files.
 */
export async function makeCocoonStore(
  peer: Peer,
  root: string,
  sources: string,
  { ready, pending, missing }: StoreSize,
): Promise<readonly Made[]> {
  await Promise.all([mkdir(root), mkdir(sources)]);
  const store = peer.open(root);
  const made: Made[] = [];
  for (let index = 0; index < ready + pending + missing; index += 1) {
    const source = join(sources, String(index));
    const config = await makeVm(source, index);
    const unfinished = index >= ready && index < ready + pending;
    if (unfinished) await store.breakOff(config, source);
    else {
      const id = await store.create(config, source);
      if (index < ready) made.push({ id, config, source });
      else await rm(store.directoryOf(id), { recursive: true });
    }
  }
  return made;
}

/** Makes the files and the configuration of the VM with that number. */
export async function makeVm(directory: string, index: number): Promise<Record<string, unknown>> {
  const storage = 1048576 + index;
  await makeSource(directory, [
    { name: "cow.raw", sizeBytes: storage, pieces: [piece(65536 * (index % 9), 100 + index)] },
    { name: "empty", sizeBytes: 0, pieces: [] },
    { name: "memory-ranges", sizeBytes: 40960, pieces: [piece(0, 4096), piece(32768, 8192)] },
    { name: "state.json", sizeBytes: 10, pieces: [piece(0, 10)], mode: 0o644 },
  ]);
  return {
    name: index % 7 === 0 ? "" : `vm-${index}`,
    description: `größer ${index} 快照`,
    image: "debian:12",
    image_digest: "sha256:00ff",
    image_type: "oci",
    image_blob_ids: { [`blob-${index}`]: {} },
    hypervisor: "firecracker",
    cpu: 1 + (index % 8),
    memory: 4294967296,
    storage,
    nics: 1,
    queue_size: 256,
    disk_queue_size: 128,
    network: "br0",
    no_direct_io: true,
    ...(index % 2 === 0 ? { windows: true } : {}),
    hugepages: true,
    cpu_burst_us: -1,
  };
}

/** Adopts the store through the program itself: as a dry run, for real, and once more. */
export async function adoptStore(
  peer: Peer,
  client: Client,
  address: string,
  scratch: string,
  size: StoreSize,
): Promise<Adoption> {
  const root = join(scratch, "store");
  const made = await makeCocoonStore(peer, root, join(scratch, "sources"), size);
  const before = await fingerprint(root);
  const lines: string[] = [];
  const problems: string[] = [];
  const left = `${size.pending} pending, ${size.missing} missing`;
  const steps = [
    { args: ["--dry-run"], expected: `${size.ready} planned, ${left}` },
    { args: [], expected: `${size.ready} adopted, ${left}` },
    { args: [], expected: `${size.ready} already here, ${left}` },
  ];
  for (const { args, expected } of steps) {
    const { stdout, stderr } = await runStasis(["--addr", address, "adopt", root, ...args]);
    const last = stdout.trimEnd().split("\n").at(-1) ?? "";
    lines.push(`adopt ${args.join(" ")}: ${last}`);
    if (last !== expected) problems.push(`adopt ${args.join(" ")}: ${last}, ${stderr}`);
  }
  let files = 0;
  for (const { id, config, source } of made) {
    const { snapshots } = await client.list({ filter: { labels: { "cocoon/id": id } } });
    const [snapshot] = snapshots;
    if (snapshots.length !== 1 || snapshot?.config === undefined) {
      problems.push(`${snapshots.length} snapshots of ${id}`);
      continue;
    }
    const { differences } = await compareStoredTree(client, snapshot.config.id, source);
    const exported = await exportedConfig(client, snapshot.config.id, scratch);
    const all = [...differences, ...compareConfigs(exported, config)];
    problems.push(...all.map((text) => `${id}: ${text}`));
    files += (await readdir(source)).length;
  }
  lines.push(`${made.length} snapshots and their ${files} files compared`);
  if (JSON.stringify(await fingerprint(root)) !== JSON.stringify(before)) {
    problems.push("the store of cocoon was changed");
  } else lines.push("the store of cocoon is as it was");
  return { lines, problems };
}

/** Returns the digest, time, mode and allocated blocks of every file below the path. */
async function fingerprint(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const prints = paths.sort().map(async (path) => {
    const { mtimeMs, mode, blocks } = await stat(path);
    const digest = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
    return `${relative(root, path)} ${digest} ${mtimeMs} ${mode} ${blocks}`;
  });
  return Promise.all(prints);
}
