// Defines the rules for ids, names, descriptions, labels and data file names.
import { randomBytes } from "node:crypto";
import { StoreError, describeValue, fieldInvalid } from "../base/errors.js";

/** Crockford base32 in lower case. It has no i, l, o or u, so that an id can be read aloud. */
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const idLength = 16;
export const idPattern = /^[0-9a-hjkmnp-tv-z]{16}$/;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/;
/** Length of the shortest prefix of an id that is accepted as a ref. */
export const minIdPrefixLength = 3;

/** Returns a new random id of 80 bits. */
export function newSnapshotId(): string {
  let id = "";
  for (const byte of randomBytes(idLength)) id += idAlphabet.charAt(byte & 31);
  return id;
}

/** Throws FIELD_INVALID unless `name` is empty or a valid snapshot name. */
export function checkName(name: string, field: string): void {
  if (name === "" || namePattern.test(name)) return;
  throw fieldInvalid(
    field,
    "an empty string or 1 to 128 characters of A-Z a-z 0-9 . _ : / -, the first a letter or digit",
    name,
  );
}

const maxDescriptionBytes = 4096;
const maxLabels = 64;
const labelKeyPattern = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const maxLabelValueBytes = 256;

export function checkDescription(description: string, field: string): void {
  checkWellFormed(description, field);
  const bytes = Buffer.byteLength(description);
  if (bytes > maxDescriptionBytes) {
    throw fieldInvalid(field, `at most ${maxDescriptionBytes} bytes of UTF-8`, `${bytes} bytes`);
  }
}

export function checkLabels(labels: Readonly<Record<string, string>>, field: string): void {
  const entries = Object.entries(labels);
  if (entries.length > maxLabels) {
    throw fieldInvalid(field, `at most ${maxLabels} labels`, `${entries.length}`);
  }
  for (const [key, value] of entries) {
    if (!labelKeyPattern.test(key)) {
      throw fieldInvalid(
        field,
        "label keys of 1 to 63 characters A-Z a-z 0-9 . _ / -, first and last a letter or digit",
        key,
      );
    }
    checkWellFormed(value, `${field}[${key}]`);
    if (Buffer.byteLength(value) > maxLabelValueBytes) {
      throw fieldInvalid(`${field}[${key}]`, `at most ${maxLabelValueBytes} bytes`, value);
    }
  }
}

/**
 * Throws FIELD_INVALID if the text has a NUL character or a lone surrogate. A lone surrogate cannot
 * be encoded as UTF-8 and would change on the way to disk.
 */
export function checkWellFormed(text: string, field: string): void {
  if (/\p{Surrogate}/u.test(text) || text.includes("\0")) {
    throw fieldInvalid(field, "well-formed Unicode without NUL", text);
  }
}

/**
 * Name of the envelope in an archive and in an exported directory. An upload cannot use it for a
 * data file.
 */
export const envelopeFileName = "snapshot.json";
const maxFileNameBytes = 255;

/**
 * Throws ARCHIVE_INVALID unless `name` can be a data file: one path component of 1 to 255 bytes of
 * valid UTF-8, without control characters, and neither `.` nor `..`. `what` names the origin of
 * `name`, for the message.
 */
export function checkDataFileName(name: string, what: string): void {
  const problem = fileNameProblem(name);
  if (problem === undefined) return;
  throw new StoreError("ARCHIVE_INVALID", `${what} ${describeValue(name)}: ${problem}`, {
    hint: "A snapshot holds regular files in one directory, without subdirectories",
    metadata: { entry: name.slice(0, 255) },
  });
}

function fileNameProblem(name: string): string | undefined {
  if (name === "") return "the name is empty";
  if (name === "." || name === "..") return "the name is a directory reference";
  if (name.includes("/")) return "the name has a directory part";
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(name)) return "the name has a NUL or control character";
  if (/\p{Surrogate}|\ufffd/u.test(name)) return "the name is not valid UTF-8";
  if (Buffer.byteLength(name) > maxFileNameBytes) {
    return `the name is longer than ${maxFileNameBytes} bytes`;
  }
  return undefined;
}
