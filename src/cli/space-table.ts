// Renders the disk space of snapshots as a table with bars.
import type { Snapshot, Space, TotalSpace } from "../client/index.js";
import { formatBytes, printable } from "./format.js";
import { renderTable } from "./table.js";

export interface SnapshotSpace {
  readonly snapshot: Snapshot;
  readonly space: Space;
}

const barWidth = 24;
const ownBlock = "█";
const sharedBlock = "▒";

/** Renders the rows in the given order, and their total. `bars` are for terminals. */
export function renderSpace(
  rows: readonly SnapshotSpace[],
  total: TotalSpace,
  { bars }: { readonly bars: boolean },
): string {
  if (rows.length === 0) return "no snapshots\n";
  const largest = Math.max(1, ...rows.map(({ space }) => space.allocatedBytes));
  const header = [
    "ID",
    "SIZE",
    "ON-DISK",
    "SHARED",
    "CHARGED",
    ...(bars ? ["".padEnd(barWidth)] : []),
    "NAME",
  ];
  const cells = rows.map(({ snapshot, space }) => [
    snapshot.config?.id ?? "",
    ...sizes(space),
    formatBytes(snapshot.chargedBytes),
    ...(bars ? [bar(space, largest)] : []),
    printable(snapshot.config?.name ?? ""),
  ]);
  const charged = rows.reduce((bytes, { snapshot }) => bytes + snapshot.chargedBytes, 0n);
  const sum = [
    "",
    ...sizes(total),
    formatBytes(charged),
    ...(bars ? [""] : []),
    `${rows.length} in all`,
  ];
  return (
    renderTable(header, [...cells, sum], { cut: "NAME" }) +
    together(total) +
    (bars ? legend(rows) : "")
  );
}

function sizes({ sizeBytes, allocatedBytes, sharedBytes }: TotalSpace | Space): string[] {
  const shared = sharedBytes === undefined ? "unknown" : formatBytes(sharedBytes);
  return [formatBytes(sizeBytes), formatBytes(allocatedBytes), shared];
}

function together({ onDiskBytes, sharedBytes }: TotalSpace): string {
  if (onDiskBytes === undefined) return "The filesystem does not say what is shared.\n";
  if (sharedBytes === 0) return "";
  return `Together they take ${formatBytes(onDiskBytes)}, each shared block counted once.\n`;
}

function bar({ allocatedBytes, sharedBytes = 0 }: Space, largest: number): string {
  const length = Math.ceil((barWidth * allocatedBytes) / largest);
  const share = allocatedBytes === 0 ? 0 : Math.min(1, sharedBytes / allocatedBytes);
  const shared = Math.round(length * share);
  return ownBlock.repeat(length - shared) + sharedBlock.repeat(shared);
}

function legend(rows: readonly SnapshotSpace[]): string {
  const anyShared = rows.some(({ space }) => (space.sharedBytes ?? 0) > 0);
  return anyShared ? `${ownBlock} its own  ${sharedBlock} shared with other files\n` : "";
}
