// Reads and writes the part of an envelope of version 2 that makes its archive a delta: an archive
// that holds only what differs from another snapshot, the parent. The envelope comes first in such
// an archive, because it says what the entries mean.
//
// A file of the snapshot is one of three:
// - A delta file. Its entry is sparse, and a hole of the entry means that the range is as in the
//   parent. Zeros are data. `holes` lists the ranges that are holes in the snapshot and data in the
//   parent, because the map of the entry cannot express them.
// - An inherited file. It has no entry and is the parent's file.
// - A whole file. Its entry is as in an archive of version 1.
import { endOf, type Extent } from "../model/extent.js";
import { digestPattern } from "../model/digest.js";
import { checkDataFileName } from "../model/name.js";
import { archiveInvalid } from "./archive-invalid.js";
import {
  objectMember,
  pathOf,
  stringListMember,
  stringMember,
  type JsonObject,
} from "./json-object.js";
import { limitExceeded } from "./limits.js";
import { parseDecimal } from "./pax.js";
import { tarBlockBytes } from "./tar-header.js";

interface DeltaParentFacts {
  /** Digest of the parent. */
  readonly digest: string;
  /** Id and name that the parent had where the archive was written. Only messages use them. */
  readonly id: string;
  readonly name: string;
}

export interface DeltaFacts {
  readonly parent: DeltaParentFacts;
  /**
   * The delta files by name, each with the ranges that are holes in the snapshot and data in the
   * parent. The ranges ascend and do not touch.
   */
  readonly deltaFiles: ReadonlyMap<string, readonly Extent[]>;
  /** Names of the inherited files. */
  readonly inherited: readonly string[];
}

/**
 * Maximum ranges in the lists `holes` of an envelope together. For files of up to 4 TiB they take
 * less than 2 of the envelope's 4 MiB.
 */
export const maxDeltaHoles = 65_536;

const keys = { parent: "parent", files: "files", inherited: "inherited" } as const;
const parentKeys = ["digest", "id", "name"] as const;

/** Returns the value of the key `delta` as JSON. */
export function encodeDeltaFacts({ parent, deltaFiles, inherited }: DeltaFacts): string {
  const { digest, id, name } = parent;
  const files = [...deltaFiles].map(([file, holes]) => {
    const text = holes.map(({ offset, length }) => `${offset}+${length}`).join();
    return `${JSON.stringify(file)}:${JSON.stringify(holes.length === 0 ? {} : { holes: text })}`;
  });
  const members = [
    `"${keys.parent}":${JSON.stringify({ digest, id, name })}`,
    `"${keys.files}":{${files.join()}}`,
    ...(inherited.length === 0 ? [] : [`"${keys.inherited}":${JSON.stringify(inherited)}`]),
  ];
  return `{${members.join()}}`;
}

/** The claims and names of the envelope with which a delta must agree. */
interface Described {
  readonly files: readonly string[];
  readonly claims: ReadonlyMap<string, { readonly sizeBytes: number; readonly digest: string }>;
}

/**
 * Reads the value of the key `delta`. Throws ARCHIVE_INVALID if a part is missing, unknown or
 * contradictory: a reader that guessed would store other bytes than those that were exported.
 */
export function decodeDeltaFacts(delta: JsonObject, described: Described): DeltaFacts {
  requireKnown(delta, Object.values(keys));
  requireClaims(delta, described);
  const parent = decodeParent(delta);
  const deltaFiles = decodeFiles(delta, described);
  const inherited = stringListMember(delta, keys.inherited) ?? [];
  const seen = new Set<string>(deltaFiles.keys());
  for (const name of inherited) {
    requireListed(name, described, pathOf(delta, keys.inherited));
    if (seen.has(name)) throw invalid(delta, keys.inherited, `${JSON.stringify(name)} comes twice`);
    seen.add(name);
  }
  return { parent, deltaFiles, inherited };
}

function decodeParent(delta: JsonObject): DeltaParentFacts {
  const parent = objectMember(delta, keys.parent);
  if (parent === undefined) throw missing(delta, keys.parent);
  requireKnown(parent, parentKeys);
  const [digest = "", id = "", name = ""] = parentKeys.map((key) => stringMember(parent, key));
  if (!digestPattern.test(digest)) {
    throw invalid(parent, "digest", "expected sha256:<64 hex digits>");
  }
  return { digest, id, name };
}

function decodeFiles(
  delta: JsonObject,
  described: Described,
): ReadonlyMap<string, readonly Extent[]> {
  const files = objectMember(delta, keys.files);
  if (files === undefined) throw missing(delta, keys.files);
  const deltaFiles = new Map<string, readonly Extent[]>();
  let left = maxDeltaHoles;
  for (const name of files.members.keys()) {
    requireListed(name, described, files.path);
    const file = objectMember(files, name);
    if (file === undefined) throw missing(files, name);
    requireKnown(file, ["holes"]);
    const sizeBytes = described.claims.get(name)?.sizeBytes ?? 0;
    const holes = decodeHoles(file, sizeBytes, left);
    left -= holes.length;
    deltaFiles.set(name, holes);
  }
  return deltaFiles;
}

function decodeHoles(file: JsonObject, sizeBytes: number, most: number): readonly Extent[] {
  const text = stringMember(file, "holes");
  const path = pathOf(file, "holes");
  if (text === "") return [];
  const holes: Extent[] = [];
  let end = -1;
  for (const part of text.split(",", most + 1)) {
    if (holes.length === most) {
      throw limitExceeded("maxDeltaHoles", path, maxDeltaHoles, maxDeltaHoles + 1);
    }
    const hole = decodeHole(part, sizeBytes);
    if (hole === undefined || hole.offset <= end) {
      const expected = `ascending ranges OFFSET+LENGTH of whole blocks within ${sizeBytes} bytes`;
      const found = JSON.stringify(part.slice(0, 64));
      throw archiveInvalid(`${path}: expected ${expected}, found ${found}`);
    }
    end = endOf(hole);
    holes.push(hole);
  }
  return holes;
}

function decodeHole(part: string, sizeBytes: number): Extent | undefined {
  const [offsetText = "", lengthText = "", ...rest] = part.split("+");
  const [offset, length] = [parseDecimal(offsetText), parseDecimal(lengthText)];
  if (offset === undefined || length === undefined || rest.length > 0) return undefined;
  // Other spellings, such as leading zeros, are refused: equal deltas have equal texts.
  if (part !== `${offset}+${length}` || length === 0 || offset > sizeBytes) return undefined;
  const end = offset + length;
  if (length > sizeBytes - offset || offset % tarBlockBytes !== 0) return undefined;
  return end % tarBlockBytes === 0 || end === sizeBytes ? { offset, length } : undefined;
}

/**
 * Throws unless the envelope lists at least one file, and claims a size and a digest for each
 * listed file and for no other file.
 */
function requireClaims(delta: JsonObject, { files, claims }: Described): void {
  const listed = new Set(files);
  const extra = [...claims.keys()].find((name) => !listed.has(name));
  if (extra !== undefined) {
    throw archiveInvalid(`${delta.path}: ${JSON.stringify(extra)} is not one of the files`);
  }
  const unknown = files.find((name) => (claims.get(name)?.digest ?? "") === "");
  if (files.length > 0 && unknown === undefined) return;
  const what = unknown === undefined ? "at least one file" : `a digest of ${unknown}`;
  throw archiveInvalid(`${delta.path}: a delta needs ${what}, and the envelope has none`);
}

function requireListed(name: string, { claims }: Described, path: string): void {
  checkDataFileName(name, path);
  if (claims.has(name)) return;
  throw archiveInvalid(`${path}: ${JSON.stringify(name)} is not one of the files`);
}

function requireKnown(object: JsonObject, known: readonly string[]): void {
  const unknown = [...object.members.keys()].find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw archiveInvalid(`${object.path}: unknown key ${JSON.stringify(unknown.slice(0, 64))}`);
}

function missing(object: JsonObject, key: string): Error {
  return archiveInvalid(`${object.path}: expected the key ${JSON.stringify(key)}, found none`);
}

function invalid(object: JsonObject, key: string, problem: string): Error {
  return archiveInvalid(`${pathOf(object, key)}: ${problem}`);
}
