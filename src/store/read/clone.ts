// Implements CloneToDirectory, which makes a writable working copy of a snapshot in a directory of
// the node.
import { cloneFiles } from "../../files/clone.js";
import type { CallerPath } from "../../model/caller-path.js";
import type { ClonedFile, CloneRequest } from "../../model/clone.js";
import type { Snapshot } from "../../model/snapshot.js";
import { noteDamage } from "../parts/damage.js";
import { recordLinks } from "../parts/linked.js";
import type { Commits } from "../parts/ports.js";
import { notHashedYet, openRead, type ReadOptions, type ReadPorts } from "../parts/open-read.js";
import { requireNames } from "../parts/select.js";

export interface Clone {
  readonly snapshot: Snapshot;
  readonly files: readonly ClonedFile[];
}

/**
 * Clones a snapshot to a directory. The directory must be absent or empty, and after a failure it
 * is so again. The lease lasts until the clone is complete; nothing depends on the snapshot
 * afterwards.
 */
export async function cloneToDirectory(
  ports: ReadPorts & Commits,
  ref: string,
  directory: CallerPath,
  options: CloneRequest & ReadOptions,
  signal: AbortSignal,
): Promise<Clone> {
  const how = { ...options, findHoles: false, user: "CloneToDirectory" };
  await using read = await openRead(ports, ref, how, "stream", signal);
  const { snapshot, stored } = read;
  requireNames(snapshot, options.modes.keys());
  const linked = linkedNames(snapshot, options);
  if (linked.length > 0) {
    // Without a digest, nobody could detect a change through the link.
    if (snapshot.digest === "") throw notHashedYet(stored.id);
    await recordLinks(ports, stored, linked);
  }
  try {
    const files = await cloneFiles(ports.layout, stored, directory, options, signal);
    return { snapshot, files };
  } catch (error) {
    noteDamage(ports, stored.id, error);
    throw error;
  }
}

function linkedNames({ files }: Snapshot, { modes, defaultMode }: CloneRequest): string[] {
  return files
    .map(({ name }) => name)
    .filter((name) => (modes.get(name) ?? defaultMode) === "link");
}
