// Implements `stasis du`, which shows the disk space of snapshots. It examines the files
// themselves, because only the filesystem knows which blocks are shared now. If it cannot read the
// files, for example because the daemon runs on another machine, it shows the sizes that the daemon
// recorded when it stored them.
import type { Command } from "commander";
import {
  isStoreError,
  measureLocalDirectory,
  totalSpace,
  type Snapshot,
  type Space,
  type TotalSpace,
} from "../../client/index.js";
import { withSession, type GlobalOptions, type Session } from "../session.js";
import { renderSpace, type SnapshotSpace } from "../space-table.js";
import { stdoutIsTerminal } from "../stdio.js";

export function addDuCommand(program: Command): void {
  program
    .command("du")
    .summary("show the disk space of snapshots")
    .description(
      "Shows for each snapshot the size of its files, their disk blocks (ON-DISK), how many of the " +
        "blocks other files share (SHARED: reflinks), and the bytes that quotas count (CHARGED). Run it " +
        "on the daemon's machine, as a user who may read the files, because it examines them. Elsewhere " +
        "it shows the sizes that were recorded when they were stored, and the shared blocks are " +
        "unknown.",
    )
    .argument("[ref...]", "snapshots; default: all")
    .action(async (refs: string[], _options: unknown, command: Command) => {
      await withSession(command.optsWithGlobals<GlobalOptions>(), async (session) => {
        const rows: SnapshotSpace[] = [];
        for await (const snapshot of snapshotsOf(session, refs)) {
          rows.push({ snapshot, space: await spaceOf(snapshot) });
        }
        rows.sort((a, b) => b.space.allocatedBytes - a.space.allocatedBytes);
        const total = totalSpace(rows.map(({ space }) => space));
        await session.answer(
          () => ({ snapshots: rows.map(toJson), total: { ...spaceJson(total), ...charged(rows) } }),
          () => renderSpace(rows, total, { bars: stdoutIsTerminal() }),
        );
      });
    });
}

async function* snapshotsOf(
  { client, call }: Session,
  refs: readonly string[],
): AsyncGenerator<Snapshot> {
  if (refs.length === 0) yield* client.listAll({}, call);
  const seen = new Set<string>();
  for (const ref of refs) {
    const { snapshot } = await client.inspect(ref, call);
    const id = snapshot?.config?.id ?? "";
    if (snapshot === undefined || seen.has(id)) continue;
    seen.add(id);
    yield snapshot;
  }
}

/** Measures the files. If they are not accessible from here, returns the recorded sizes. */
async function spaceOf({ dataDir, sizeBytes, allocatedBytes }: Snapshot): Promise<Space> {
  try {
    return await measureLocalDirectory(dataDir);
  } catch (error) {
    if (!isStoreError(error)) throw error;
    const noted = { sizeBytes: Number(sizeBytes), allocatedBytes: Number(allocatedBytes) };
    return { ...noted, sharedBytes: undefined, shared: [] };
  }
}

function toJson({ snapshot, space }: SnapshotSpace) {
  const { id = "", name = "" } = snapshot.config ?? {};
  return { id, name, ...spaceJson(space), chargedBytes: String(snapshot.chargedBytes) };
}

function charged(rows: readonly SnapshotSpace[]) {
  const bytes = rows.reduce((sum, { snapshot }) => sum + snapshot.chargedBytes, 0n);
  return { chargedBytes: String(bytes) };
}

/**
 * Returns the space as JSON. 64-bit integers are strings, as in protobuf's JSON mapping, and null
 * means unknown.
 */
function spaceJson({ sizeBytes, allocatedBytes, sharedBytes, ...space }: Space | TotalSpace) {
  const text = (bytes: number | undefined): string | null =>
    bytes === undefined ? null : String(bytes);
  return {
    sizeBytes: String(sizeBytes),
    allocatedBytes: String(allocatedBytes),
    sharedBytes: text(sharedBytes),
    ...("onDiskBytes" in space ? { onDiskBytes: text(space.onDiskBytes) } : {}),
  };
}
