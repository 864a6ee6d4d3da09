// Compares file sizes with the configuration of their VM. Uploads and cocoon's archives need this
// check because they carry no sizes of their own. This refuses a file only if its size is certainly
// wrong.
import { formatBytesApart, mib } from "../base/sizes.js";
import type { SnapshotConfig } from "../model/config.js";
import { archiveInvalid } from "./archive-invalid.js";

interface Expectation {
  readonly file: string;
  readonly what: string;
  /** Key of the configuration. */
  readonly key: string;
  /** Returns the configured size, or undefined if the actual size can be right. */
  contradicted(config: SnapshotConfig, sizeBytes: number): number | undefined;
}

const expectations: readonly Expectation[] = [
  {
    // cocoon creates its copy-on-write disk with the configured size, and changes both together.
    file: "cow.raw",
    what: "a disk",
    key: "storage",
    contradicted: ({ storageBytes }, sizeBytes) =>
      storageBytes === 0 || sizeBytes === storageBytes ? undefined : storageBytes,
  },
  {
    // Firecracker uses whole MiB. A VM is restored with the memory size that it had.
    file: "mem",
    what: "memory",
    key: "memory",
    contradicted: ({ hypervisor, memoryBytes }, sizeBytes) =>
      hypervisor === "firecracker" && sizeBytes < memoryBytes - (memoryBytes % mib)
        ? memoryBytes
        : undefined,
  },
  {
    // cocoon lets a clone have more memory than its parent, but the clone runs on the parent's
    // image. The image can therefore be smaller than the configuration says. The image is never
    // below the 512 MiB that cocoon requires, except that it is empty if a separate shared file
    // contains the memory.
    file: "memory-ranges",
    what: "memory",
    key: "memory",
    contradicted: ({ hypervisor, memoryBytes }, sizeBytes) =>
      hypervisor === "cloud-hypervisor" &&
      sizeBytes > 0 &&
      sizeBytes < Math.min(memoryBytes, 512 * mib)
        ? memoryBytes
        : undefined,
  },
];

/** Throws ARCHIVE_INVALID for an impossible size. `source` is where `config` comes from. */
export function checkPlausible(
  config: SnapshotConfig,
  files: readonly { readonly name: string; readonly sizeBytes: number }[],
  source = "the configuration",
): void {
  for (const { name, sizeBytes } of files) {
    const expectation = expectations.find(({ file }) => file === name);
    const configured = expectation?.contradicted(config, sizeBytes);
    if (expectation === undefined || configured === undefined) continue;
    const [size, other] = formatBytesApart(sizeBytes, configured);
    throw archiveInvalid(
      `${name} has ${size}, but ${source} says ${expectation.what} of ${other}`,
      {
        hint: hintFor(expectation, sizeBytes < configured),
        entry: name,
      },
    );
  }
}

function hintFor({ key }: Expectation, shorter: boolean): string {
  const correct = `correct "${key}" in the configuration, or leave it out`;
  if (!shorter) return `If the file is right, ${correct}`;
  return (
    "A program that does not know the sparse records rebuilt it short and shifted: import the archive as it was exported, or " +
    `export with the sparse format gnu or none. If the file is right, ${correct}`
  );
}
