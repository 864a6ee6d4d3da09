// Plans how one file becomes one archive entry: its headers, its sparse map, and the bytes that
// follow.
import { StoreError } from "../base/errors.js";
import { endOf, totalLength, type Extent, type Extents } from "../model/extent.js";
import type { ArchiveFileShape } from "./archive-file.js";
import { alignExtents, encodeGnuMap, gnuMapShape } from "./gnu-sparse.js";
import { encodePax, type PaxRecord } from "./pax.js";
import {
  cocoonExtents,
  cocoonMapKey,
  cocoonSizeKey,
  encodeCocoonMap,
  extentsProblem,
} from "./sparse-map.js";
import { encodeTarHeader, maxOctalSizeBytes, tarBlockBytes } from "./tar-header.js";

export type SparseFormat = "cocoon" | "gnu" | "none";

export interface EntryPlan {
  /** The headers, in whole blocks. */
  readonly head: Uint8Array;
  /** Returns GNU's map, in whole blocks, which comes between the headers and the file's bytes. */
  readonly map: () => Iterable<Uint8Array>;
  readonly mapBytes: number;
  /**
   * The parts of the file that come after the map, in ascending order. Each extent lies in one of
   * them. All other bytes of the parts are zeros.
   */
  readonly body: Iterable<Extent>;
  /** Bytes of the body, without padding. */
  readonly bodyBytes: number;
  /**
   * True if the body holds some of the file's holes as zeros, because the notation has no room for
   * them.
   */
  readonly filledHoles: boolean;
}

/** A sparse entry in its notation. */
interface SparseForm extends Omit<EntryPlan, "head"> {
  readonly records: readonly PaxRecord[];
  /** The name in the header, if it differs from the file's name. */
  readonly placeholder?: string;
}

const noMap = { map: () => [], mapBytes: 0 } as const;

export function planEntry(
  file: ArchiveFileShape,
  format: SparseFormat,
  modifiedSeconds: number,
): EntryPlan {
  const problem = file.extents && extentsProblem(file.extents, file.sizeBytes);
  if (problem !== undefined) {
    throw new StoreError("INTERNAL", `file ${file.name}: extents to be archived: ${problem}`);
  }
  const form =
    file.isDelta === true ? deltaForm(file) : (sparseForm(file, format) ?? plainForm(file, false));
  return { ...form, head: encodeHead(file, form, modifiedSeconds) };
}

function plainForm({ sizeBytes }: ArchiveFileShape, filledHoles: boolean): SparseForm {
  const body = sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
  return { ...noMap, body, bodyBytes: sizeBytes, records: [], filledHoles };
}

/** Returns the form of a delta file. GNU's notation never fills holes of whole tar blocks. */
function deltaForm(file: ArchiveFileShape): SparseForm {
  const { name, sizeBytes, extents } = file;
  if (extents === undefined) throw new Error(`the holes of the delta file ${name} are unknown`);
  for (const extent of extents) {
    const end = endOf(extent);
    if (extent.offset % tarBlockBytes === 0 && (end % tarBlockBytes === 0 || end === sizeBytes)) {
      continue;
    }
    const range = `the range of ${extent.length} bytes at ${extent.offset}`;
    throw new StoreError("INTERNAL", `file ${name}: ${range} does not consist of whole blocks`);
  }
  return gnuSparseForm(file, extents);
}

/**
 * Returns the sparse notation of the file. Undefined if the entry is plain: `format` is `none`, the
 * holes are unknown, or no hole would remain.
 */
function sparseForm(file: ArchiveFileShape, format: SparseFormat): SparseForm | undefined {
  const { sizeBytes, extents } = file;
  if (format === "none" || extents === undefined || totalLength(extents) === sizeBytes) {
    return undefined;
  }
  return format === "cocoon" ? cocoonForm(file, extents) : gnuForm(file, extents);
}

function cocoonForm(file: ArchiveFileShape, extents: Extents): SparseForm {
  const { sizeBytes } = file;
  const body = cocoonExtents(extents, sizeBytes);
  const filledHoles = body !== extents;
  const bodyBytes = totalLength(body);
  if (bodyBytes === sizeBytes) return plainForm(file, filledHoles);
  const records = [
    { key: cocoonMapKey, value: encodeCocoonMap(body) },
    { key: cocoonSizeKey, value: String(sizeBytes) },
  ];
  return { ...noMap, body, bodyBytes, records, filledHoles };
}

function gnuForm(file: ArchiveFileShape, extents: Extents): SparseForm | undefined {
  const form = gnuSparseForm(file, extents);
  return form.bodyBytes === file.sizeBytes ? undefined : form;
}

function gnuSparseForm({ name, sizeBytes }: ArchiveFileShape, extents: Extents): SparseForm {
  const body = alignExtents(extents, sizeBytes);
  const shape = gnuMapShape(body, sizeBytes);
  const { dataBytes: bodyBytes, mapBytes } = shape;
  const records = [
    { key: "GNU.sparse.major", value: "1" },
    { key: "GNU.sparse.minor", value: "0" },
    { key: "GNU.sparse.name", value: name },
    { key: "GNU.sparse.realsize", value: String(sizeBytes) },
  ];
  const map = (): Iterable<Uint8Array> => encodeGnuMap(body, sizeBytes, shape);
  // GNU tar writes its process id in place of this 0. Only programs without PAX support show this
  // name to their users, who learn from it that the unpacked data is not the complete file.
  const placeholder = `GNUSparseFile.0/${name}`;
  return { map, mapBytes, body, bodyBytes, records, placeholder, filledHoles: false };
}

function encodeHead(file: ArchiveFileShape, form: SparseForm, modifiedSeconds: number): Uint8Array {
  const sizeBytes = form.mapBytes + form.bodyBytes;
  const name = asciiName(file.name);
  const records = [...form.records];
  if (form.placeholder === undefined && name !== file.name) {
    records.push({ key: "path", value: file.name });
  }
  // The header also has the size in base-256, for programs that do not read PAX.
  if (sizeBytes > maxOctalSizeBytes) records.push({ key: "size", value: String(sizeBytes) });
  const header = encodeTarHeader({
    name: form.placeholder === undefined ? name : asciiName(form.placeholder),
    mode: file.mode % 0o1000,
    sizeBytes,
    modifiedSeconds,
    type: "0",
  });
  if (records.length === 0) return header;
  return Buffer.concat([encodePax(name, records, modifiedSeconds), header]);
}

/**
 * Returns the part of a name that fits into a ustar header. If that is not the whole name, a PAX
 * record has the full name.
 */
function asciiName(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, "_").slice(0, 100);
}
