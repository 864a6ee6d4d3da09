// Describes a hostile archive: its bytes, and the reason with which an import must refuse it.
import type { ErrorReason } from "../../src/base/errors.js";
import { padded, rawFile, rawHeader, rawPax } from "../unit/archive/support.js";

export interface HostileCase {
  readonly name: string;
  /** The value "stored" marks an archive that only looks hostile and must be accepted. */
  readonly expected: ErrorReason | "stored";
  bytes(): Uint8Array | Iterable<Uint8Array>;
}

/** The end of an archive consists of two zero blocks. */
export const endMarker = Buffer.alloc(1024);

export function envelopeText(members: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ config: { name: "" }, version: 1, ...members });
}

export function envelopeEntry(text: string = envelopeText()): Buffer {
  return rawFile("snapshot.json", text);
}

/** Makes a whole archive: an empty envelope, these entries, and the end marker. */
export function archiveOf(...entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat([envelopeEntry(), ...entries, endMarker]);
}

/** A valid data file, for archives whose fault is elsewhere. */
export const goodFile = rawFile("memory", "content of the machine");

/** Makes an archive with one valid file and one with this name. */
export function named(name: string | Uint8Array): Buffer {
  return archiveOf(goodFile, Buffer.concat([rawHeader({ name, size: 4 }), padded("data")]));
}

/** Makes an archive with a file whose name is in a PAX record, where no NUL ends the name. */
export function paxNamed(path: string): Buffer {
  return archiveOf(goodFile, rawPax([["path", path]]), rawFile("other", "data"));
}

/** Makes an archive with a file that has these PAX records and this text as its content. */
export function withPax(records: readonly (readonly [string, string])[], body = "data"): Buffer {
  return archiveOf(goodFile, rawPax(records), rawFile("disk", body));
}

export function refused(
  name: string,
  bytes: HostileCase["bytes"],
  expected: HostileCase["expected"] = "ARCHIVE_INVALID",
): HostileCase {
  return { name, expected, bytes };
}
