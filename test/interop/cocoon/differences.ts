// Lists the differences between two directories or two configurations. The list is empty if they
// are equal.
import { closeSync, openSync, readSync } from "node:fs";
import { readFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
  exportToLocalDirectory,
  type Client,
  type SnapshotConfig,
} from "../../../src/client/index.js";
import { dataExtents } from "../../../src/holes/extents.js";

export interface Comparison {
  readonly differences: readonly string[];
  readonly segments: number;
  readonly dataBytes: number;
}

const pieceBytes = 1 << 20;

/**
 * Compares a snapshot in the store as compareTrees() does. The store keeps its modes as metadata,
 * and every stored file is read-only.
 */
export async function compareStoredTree(
  client: Client,
  ref: string,
  expected: string,
): Promise<Comparison> {
  const { snapshot } = await client.inspect(ref);
  const modes = new Map(snapshot?.files.map(({ name, mode }) => [name, mode]));
  return compareTrees(snapshot?.dataDir ?? "", expected, modes);
}

/** Compares names, modes, sizes, data segments to the byte, and all bytes. */
export async function compareTrees(
  actual: string,
  expected: string,
  recordedModes?: ReadonlyMap<string, number>,
): Promise<Comparison> {
  const names = (await readdir(expected)).sort();
  const found = (await readdir(actual)).sort();
  if (!isDeepStrictEqual(found, names)) {
    return {
      differences: [`files ${found.join()} for ${names.join()}`],
      segments: 0,
      dataBytes: 0,
    };
  }
  const differences: string[] = [];
  let [segments, dataBytes] = [0, 0];
  for (const name of names) {
    const [a, b] = [join(actual, name), join(expected, name)];
    const [is, should] = await Promise.all([stat(a), stat(b)]);
    const mode = recordedModes === undefined ? is.mode : (recordedModes.get(name) ?? 0);
    if ((mode & 0o777) !== (should.mode & 0o777)) differences.push(`mode of ${name}`);
    if (is.size !== should.size) differences.push(`size of ${name}: ${is.size} for ${should.size}`);
    else {
      const compared = compareContents(a, b, is.size);
      if (compared.difference !== undefined) differences.push(`${compared.difference} of ${name}`);
      segments += compared.segments;
      dataBytes += compared.dataBytes;
    }
  }
  return { differences, segments, dataBytes };
}

function compareContents(
  actual: string,
  expected: string,
  sizeBytes: number,
): { difference?: string; segments: number; dataBytes: number } {
  const [a, b] = [openSync(actual, "r"), openSync(expected, "r")];
  try {
    const [is, should] = [dataExtents(a, sizeBytes), dataExtents(b, sizeBytes)];
    if (is === undefined || should === undefined) {
      return { difference: "holes (the filesystem does not tell)", segments: 0, dataBytes: 0 };
    }
    if (!isDeepStrictEqual(is, should)) {
      const difference = `holes (${is.length} segments for ${should.length})`;
      return { difference, segments: 0, dataBytes: 0 };
    }
    const [left, right] = [Buffer.alloc(pieceBytes), Buffer.alloc(pieceBytes)];
    let dataBytes = 0;
    for (const { offset, length } of should) {
      for (let at = offset; at < offset + length; at += pieceBytes) {
        const count = Math.min(pieceBytes, offset + length - at);
        readFully(a, left, count, at);
        readFully(b, right, count, at);
        if (left.compare(right, 0, count, 0, count) !== 0) {
          return { difference: `bytes near ${at}`, segments: 0, dataBytes: 0 };
        }
      }
      dataBytes += length;
    }
    return { segments: should.length, dataBytes };
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

function readFully(file: number, into: Buffer, count: number, position: number): void {
  if (readSync(file, into, 0, count, position) !== count) throw new Error("the file was cut");
}

/** Returns one line for each of cocoon's keys whose values differ. */
export function compareConfigs(
  actual: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, unknown>>,
): string[] {
  const keys = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...keys]
    .filter((key) => !isDeepStrictEqual(actual[key], expected[key]))
    .map((key) => `${key}: ${show(actual[key])} for ${show(expected[key])}`);
}

function show(value: unknown): string {
  return value === undefined ? "none" : JSON.stringify(value);
}

/** Returns the configuration in our export, with cocoon's keys and the keys that we do not know. */
export async function exportedConfig(
  client: Client,
  ref: string,
  scratch: string,
): Promise<Record<string, unknown>> {
  const directory = join(scratch, "exported");
  await exportToLocalDirectory(client, ref, directory);
  const text = await readFile(join(directory, "snapshot.json"), "utf8");
  await rm(directory, { recursive: true });
  const { config } = JSON.parse(text) as { config: Record<string, unknown> };
  const { id: _id, labels: _labels, ...rest } = config;
  return rest;
}

/** Returns the configuration that the API must show for these values of cocoon's keys. */
export function ourConfigOf(
  keys: Readonly<Record<string, unknown>>,
): Omit<SnapshotConfig, "$typeName" | "id" | "labels"> {
  const text = (key: string): string => (keys[key] as string | undefined) ?? "";
  const count = (key: string): number => (keys[key] as number | undefined) ?? 0;
  const flag = (key: string): boolean => (keys[key] as boolean | undefined) ?? false;
  return {
    name: text("name"),
    description: text("description"),
    image: text("image"),
    imageDigest: text("image_digest"),
    imageType: text("image_type"),
    imageBlobIds: Object.keys((keys["image_blob_ids"] as object | undefined) ?? {}),
    hypervisor: text("hypervisor"),
    cpu: count("cpu"),
    memory: BigInt(count("memory")),
    storage: BigInt(count("storage")),
    nics: count("nics"),
    queueSize: count("queue_size"),
    diskQueueSize: count("disk_queue_size"),
    network: text("network"),
    noDirectIo: flag("no_direct_io"),
    windows: flag("windows"),
  };
}
