// Renders snapshots for people: rows of a listing, and all details of one.
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { HostFacts, Snapshot, SnapshotFile } from "../client/index.js";
import { red, yellow } from "./color.js";
import {
  formatAge,
  formatBytes,
  formatBytesExactly,
  formatExpiry,
  formatTime,
  printable,
} from "./format.js";
import { renderFields, renderTable } from "./table.js";

export function renderSnapshots(snapshots: readonly Snapshot[]): string {
  const header = ["NAME", "ID", "SIZE", "ON-DISK", "CREATED", "NOTE"];
  return renderTable(
    header,
    snapshots.map((snapshot) => [
      printable(snapshot.config?.name || "-"),
      snapshot.config?.id ?? "",
      formatBytes(snapshot.sizeBytes),
      formatBytes(snapshot.allocatedBytes),
      formatAge(snapshot.createdAt),
      notesOf(snapshot),
    ]),
    { cut: "NAME" },
  );
}

function notesOf({ corrupt, protected: isProtected, expireTime }: Snapshot): string {
  const expires = expireTime === undefined ? "" : timestampDate(expireTime).toISOString();
  return [
    corrupt ? red("damaged") : "",
    isProtected ? yellow("protected") : "",
    expires === "" ? "" : `expires ${expires.slice(0, 10)}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/**
 * Returns a title such as `web-1 (0123456789abcdef)`, or the id alone for a snapshot without a
 * name.
 */
export function snapshotTitle(snapshot: Snapshot | undefined): string {
  const { id = "?", name = "" } = snapshot?.config ?? {};
  return name === "" ? id : `${name} (${id})`;
}

export function renderSnapshot(snapshot: Snapshot): string {
  const fields = [...identity(snapshot), ...machine(snapshot), ...storage(snapshot)];
  const files = snapshot.files.length === 0 ? "" : `\n${renderFiles(snapshot.files)}`;
  return renderFields(fields) + files;
}

type FieldRows = (readonly [string, string])[];

function identity(snapshot: Snapshot): FieldRows {
  const { config } = snapshot;
  const labels = Object.entries(config?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [
    ["Name", config?.name || "-"],
    ["ID", config?.id ?? ""],
    ...optional("Description", config?.description),
    ...optional("Labels", labels.sort().join(", ")),
    ["Created", formatTime(snapshot.createdAt)],
    ["Last access", formatTime(snapshot.lastAccessedAt)],
    ["Protected", snapshot.protected ? "yes" : "no"],
    ...optional("Expires", formatExpiry(snapshot.expireTime)),
    ...(snapshot.corrupt ? [["Damaged", red("yes: not served unless forced")] as const] : []),
  ];
}

function machine({ config }: Snapshot): FieldRows {
  if (config === undefined) return [];
  const flags = [config.windows ? "windows" : "", config.noDirectIo ? "no direct I/O" : ""];
  return [
    ...optional("Hypervisor", config.hypervisor),
    ...optional("CPUs", config.cpu === 0 ? "" : String(config.cpu)),
    ...optional("Memory", config.memory === 0n ? "" : formatBytes(config.memory)),
    ...optional("Storage", config.storage === 0n ? "" : formatBytes(config.storage)),
    ...optional("Image", config.image),
    ...optional("Image digest", config.imageDigest),
    ...optional("Image type", config.imageType),
    ...optional("Image blobs", config.imageBlobIds.join(", ")),
    ...optional("Network", config.network),
    ...optional("NICs", config.nics === 0 ? "" : String(config.nics)),
    ...optional("Flags", flags.filter(Boolean).join(", ")),
    ...optional("Host CPU", cpuOf(config.host)),
    ...optional("Host kernel", config.host?.kernel),
    ...optional("Hypervisor version", config.host?.hypervisorVersion),
    ...optional("Extra", config.extra && JSON.stringify(config.extra)),
  ];
}

function cpuOf(host: HostFacts | undefined): string {
  return [host?.cpuVendor, host?.cpuModel, host?.microarchitecture].filter(Boolean).join(", ");
}

function storage(snapshot: Snapshot): FieldRows {
  return [
    ["Size", formatBytesExactly(snapshot.sizeBytes)],
    ["On disk", formatBytesExactly(snapshot.allocatedBytes)],
    ["Charged", formatBytesExactly(snapshot.chargedBytes)],
    ["Digest", snapshot.digest || "not computed yet"],
    ["Data", printable(snapshot.dataDir)],
  ];
}

function optional(name: string, value: string | undefined): FieldRows {
  return value === undefined || value === "" ? [] : [[name, printable(value)]];
}

function renderFiles(files: readonly SnapshotFile[]): string {
  return renderTable(
    ["SIZE", "ON-DISK", "MODE", "FILE"],
    files.map((file) => [
      formatBytes(file.sizeBytes),
      formatBytes(file.allocatedBytes),
      `0${file.mode.toString(8)}`,
      printable(file.name),
    ]),
  );
}
