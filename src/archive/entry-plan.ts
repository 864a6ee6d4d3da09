// How one file becomes one entry: its headers, and which of its bytes follow them.
import { StoreError } from "../base/errors.js";
import { totalLength, type Extent } from "../model/extent.js";
import type { ArchiveFileShape } from "./archive-file.js";
import { alignExtents, encodeGnuMap } from "./gnu-sparse.js";
import { encodePax, type PaxRecord } from "./pax.js";
import { cocoonMapKey, cocoonSizeKey, encodeCocoonMap, extentsProblem } from "./sparse-map.js";
import { encodeTarHeader, maxOctalSizeBytes } from "./tar-header.js";

export type SparseFormat = "cocoon" | "gnu" | "none";

export interface EntryPlan {
  /** All that stands before the file's own bytes, whole blocks. */
  readonly head: Uint8Array;
  /** Parts of the file to be read, ascending. */
  readonly body: readonly Extent[];
  /** True for a plain entry: what lies between the parts is written as zeros. */
  readonly holesAsZeros: boolean;
  /** Bytes after the head, without padding. */
  readonly bodyBytes: number;
}

/**
 * Segments of one file in GNU's notation. A file with more is written plain, as is one whose cocoon
 * map passes 800 KiB. Well below what is read by default (`maxSegments`): what we export, we import.
 */
export const maxGnuSegments = 250_000;

/** A sparse entry, as its notation has it. */
interface SparseForm {
  readonly extents: readonly Extent[];
  readonly records: readonly PaxRecord[];
  /** Stands between the header and the data, and counts as part of the body. */
  readonly map: Uint8Array;
  /** Name in the header when it is not the file's own. */
  readonly placeholder?: string;
}

const noMap = new Uint8Array(0);

export function planEntry(
  file: ArchiveFileShape,
  format: SparseFormat,
  modifiedSeconds: number,
): EntryPlan {
  const problem = file.extents && extentsProblem(file.extents, file.sizeBytes);
  if (problem !== undefined) {
    throw new StoreError("INTERNAL", `file ${file.name}: extents to be archived: ${problem}`);
  }
  const sparse = sparseForm(file, format);
  if (sparse === undefined) {
    const head = encodeHead(file, file.sizeBytes, { records: [], map: noMap }, modifiedSeconds);
    const body = file.extents ?? [{ offset: 0, length: file.sizeBytes }];
    return { head, body, holesAsZeros: true, bodyBytes: file.sizeBytes };
  }
  const dataBytes = totalLength(sparse.extents);
  const head = encodeHead(file, dataBytes, sparse, modifiedSeconds);
  return { head, body: sparse.extents, holesAsZeros: false, bodyBytes: dataBytes };
}

/** Undefined when the entry is to be plain: no holes, holes unknown, or too many of them. */
function sparseForm(file: ArchiveFileShape, format: SparseFormat): SparseForm | undefined {
  const { name, sizeBytes, extents } = file;
  if (format === "none" || extents === undefined || totalLength(extents) === sizeBytes) {
    return undefined;
  }
  return format === "cocoon" ? cocoonForm(extents, sizeBytes) : gnuForm(extents, sizeBytes, name);
}

function cocoonForm(extents: readonly Extent[], sizeBytes: number): SparseForm | undefined {
  const map = encodeCocoonMap(extents);
  if (map === undefined) return undefined;
  const records = [
    { key: cocoonMapKey, value: map },
    { key: cocoonSizeKey, value: String(sizeBytes) },
  ];
  return { extents, records, map: noMap };
}

function gnuForm(
  extents: readonly Extent[],
  sizeBytes: number,
  name: string,
): SparseForm | undefined {
  const aligned = alignExtents(extents, sizeBytes);
  if (aligned.length > maxGnuSegments || totalLength(aligned) === sizeBytes) return undefined;
  const records = [
    { key: "GNU.sparse.major", value: "1" },
    { key: "GNU.sparse.minor", value: "0" },
    { key: "GNU.sparse.name", value: name },
    { key: "GNU.sparse.realsize", value: String(sizeBytes) },
  ];
  // GNU tar has its process id for the 0. Only programs that know no PAX see this name, which
  // tells people that what was unpacked is not the file yet.
  const placeholder = `GNUSparseFile.0/${name}`;
  return { extents: aligned, records, map: encodeGnuMap(aligned, sizeBytes), placeholder };
}

function encodeHead(
  file: ArchiveFileShape,
  dataBytes: number,
  form: Omit<SparseForm, "extents">,
  modifiedSeconds: number,
): Uint8Array {
  const sizeBytes = form.map.byteLength + dataBytes;
  const name = asciiName(file.name);
  const records = [...form.records];
  if (form.placeholder === undefined && name !== file.name) {
    records.push({ key: "path", value: file.name });
  }
  // The header has the size in base-256 as well, for programs that know only that.
  if (sizeBytes > maxOctalSizeBytes) records.push({ key: "size", value: String(sizeBytes) });
  const header = encodeTarHeader({
    name: form.placeholder === undefined ? name : asciiName(form.placeholder),
    mode: file.mode % 0o1000,
    sizeBytes,
    modifiedSeconds,
    type: "0",
  });
  const pax = records.length === 0 ? noMap : encodePax(name, records, modifiedSeconds);
  return Buffer.concat([pax, header, form.map]);
}

/** What of a name a ustar header can hold; the whole of it then goes into a PAX record. */
function asciiName(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, "_").slice(0, 100);
}
