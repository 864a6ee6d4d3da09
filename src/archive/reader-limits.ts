// Warns of the limits of other programs that read our tars. test/interop/sparse-readers.test.ts
// measures the limits, and docs/formats.md lists them in a table.
import { formatBytes, formatBytesApart } from "../base/sizes.js";
import type { ArchiveFileShape } from "./archive-file.js";
import type { SparseFormat } from "./entry-plan.js";
import { alignExtents, gnuMapShape } from "./gnu-sparse.js";
import type { ExtentMap } from "../holes/extent-map.js";
import { cocoonExtents, maxCocoonMapBytes } from "./sparse-map.js";
import { totalLength, type Extents } from "../model/extent.js";

/**
 * Go's archive/tar, and so cocoon, refuses a longer map of format 1.0 (`maxSpecialFileSize`, since
 * Go 1.24.8 and 1.25.2). GNU tar, bsdtar and Python have no such limit.
 */
export const maxGoMapBytes = 1024 * 1024;
const goReaders: readonly string[] = ["cocoon", "Go archive/tar"];

export interface ArchiveWarning {
  readonly kind: "reader-refuses" | "holes-filled";
  readonly file: string;
  /** Programs that refuse the archive. */
  readonly readers: readonly string[];
  readonly message: string;
}

/** Returns warnings for the user about a tar of these files in that format. */
export function archiveWarnings(
  files: Iterable<Omit<ArchiveFileShape, "extents"> & { readonly extents: ExtentMap | undefined }>,
  format: SparseFormat,
): readonly ArchiveWarning[] {
  const warnings: ArchiveWarning[] = [];
  if (format === "none") return warnings;
  for (const { name, sizeBytes, extents } of files) {
    if (extents === undefined || sizeBytes === 0) continue;
    if (extents.filledHoles) warnings.push(holesFilled(name, "it has more holes than a map holds"));
    const warning =
      format === "gnu" ? longMap(name, sizeBytes, extents) : fewHoles(name, sizeBytes, extents);
    if (warning !== undefined) warnings.push(warning);
  }
  return warnings;
}

/** Longest entry of a map, in bytes: two numbers of at most 16 digits, each with a newline. */
const longestSegmentBytes = 34;

function longMap(name: string, sizeBytes: number, extents: Extents): ArchiveWarning | undefined {
  if ((extents.length + 2) * longestSegmentBytes < maxGoMapBytes) return undefined;
  const { mapBytes, segments, dataBytes } = gnuMapShape(
    alignExtents(extents, sizeBytes),
    sizeBytes,
  );
  if (mapBytes <= maxGoMapBytes || dataBytes === sizeBytes) return undefined;
  const [size, max] = formatBytesApart(mapBytes, maxGoMapBytes);
  const message =
    `${name} has a sparse map of ${size} (${segments} segments): ${goReaders.join(" and ")} refuse more than ` +
    `${max}; ask for the sparse format none for them. GNU tar, bsdtar, Python and stasis read it`;
  return { kind: "reader-refuses", file: name, readers: goReaders, message };
}

function fewHoles(name: string, sizeBytes: number, extents: Extents): ArchiveWarning | undefined {
  const written = cocoonExtents(extents, sizeBytes);
  if (written === extents) return undefined;
  const zeroBytes = totalLength(written) - totalLength(extents);
  const why = `cocoon's format holds a map of ${formatBytes(maxCocoonMapBytes)}; the sparse format gnu has no such limit`;
  return holesFilled(name, why, zeroBytes);
}

function holesFilled(name: string, why: string, zeroBytes?: number): ArchiveWarning {
  const cost = zeroBytes === undefined ? "" : `, ${formatBytes(zeroBytes)} of them`;
  const message = `the smallest holes of ${name} are written as zeros${cost}: ${why}`;
  return { kind: "holes-filled", file: name, readers: [], message };
}
