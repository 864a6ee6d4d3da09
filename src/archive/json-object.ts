// Reads a JSON object from an untrusted file, key by key. It checks types, its errors name the key,
// and no key becomes a property name. `null` counts as absent, as in Go.
import { describeValue } from "../base/errors.js";
import { archiveInvalid } from "./archive-invalid.js";
import { objectMembers } from "./json-text.js";

export interface JsonObject {
  /** The file and the path of keys, for messages. */
  readonly path: string;
  /** JSON text by key, in file order. */
  readonly members: ReadonlyMap<string, string>;
}

/**
 * Opens an object for reading. `json` must be text that JSON.parse accepts. Throws ARCHIVE_INVALID
 * if `json` is not an object, or if a key occurs twice.
 */
export function openJsonObject(json: string, path: string): JsonObject {
  if (!json.trimStart().startsWith("{")) throw typeError(path, "an object", JSON.parse(json));
  const members = new Map<string, string>();
  for (const [key, value] of objectMembers(json)) {
    checkText(key, `${path}: a key`);
    if (members.has(key))
      throw archiveInvalid(`${path}: the key ${describeValue(key)} comes twice`);
    members.set(key, value);
  }
  return { path, members };
}

export function objectMember(object: JsonObject, key: string): JsonObject | undefined {
  const text = object.members.get(key);
  return text === undefined || text === "null"
    ? undefined
    : openJsonObject(text, pathOf(object, key));
}

export function stringMember(object: JsonObject, key: string): string {
  const value = valueOf(object, key) ?? "";
  if (typeof value !== "string") throw typeError(pathOf(object, key), "a string", value);
  checkText(value, pathOf(object, key));
  return value;
}

export function booleanMember(object: JsonObject, key: string): boolean {
  const value = valueOf(object, key) ?? false;
  if (typeof value !== "boolean") throw typeError(pathOf(object, key), "true or false", value);
  return value;
}

/**
 * Returns a whole number from 0 to 2^53 - 1, or 0 if the key is missing. Throws ARCHIVE_INVALID for
 * any other value.
 */
export function countMember(object: JsonObject, key: string): number {
  const value = valueOf(object, key) ?? 0;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    // The message shows the text of the file, because the parsed number may have lost digits.
    const found = typeof value === "number" ? object.members.get(key) : value;
    throw typeError(pathOf(object, key), "a whole number from 0 to 2^53 - 1", found);
  }
  // JSON allows -0, which the addition turns into 0.
  return value + 0;
}

/** Returns the number as `countMember` does, and throws if the key is missing. */
export function requiredCount(object: JsonObject, key: string): number {
  if (valueOf(object, key) !== undefined) return countMember(object, key);
  throw archiveInvalid(`${object.path}: expected the key ${describeValue(key)}, found none`);
}

export function stringListMember(object: JsonObject, key: string): readonly string[] | undefined {
  const value = valueOf(object, key);
  if (value === undefined) return undefined;
  const path = pathOf(object, key);
  if (!Array.isArray(value)) throw typeError(path, "an array", value);
  return value.map((item: unknown, index) => {
    if (typeof item !== "string") throw typeError(`${path}[${index}]`, "a string", item);
    checkText(item, `${path}[${index}]`);
    return item;
  });
}

/** Returns the members with unknown keys, as JSON text. */
export function unknownMembers(
  object: JsonObject,
  known: ReadonlySet<string>,
): Readonly<Record<string, string>> {
  // `fromEntries` defines own properties, so the key "__proto__" is safe.
  return Object.fromEntries([...object.members].filter(([key]) => !known.has(key)));
}

function valueOf(object: JsonObject, key: string): unknown {
  const text = object.members.get(key);
  return text === undefined ? undefined : ((JSON.parse(text) as unknown) ?? undefined);
}

export function pathOf(object: JsonObject, key: string): string {
  return `${object.path}: ${key}`;
}

/**
 * Throws ARCHIVE_INVALID for a lone surrogate, which UTF-8 cannot encode, and for NUL, which ends
 * strings in other programs.
 */
function checkText(text: string, path: string): void {
  if (!/\p{Surrogate}/u.test(text) && !text.includes("\0")) return;
  throw archiveInvalid(`${path}: expected well-formed Unicode without NUL`);
}

function typeError(path: string, expected: string, found: unknown): Error {
  return archiveInvalid(`${path}: expected ${expected}, found ${describeFound(found)}`);
}

function describeFound(found: unknown): string {
  if (Array.isArray(found)) return "an array";
  return typeof found === "object" && found !== null ? "an object" : describeValue(found);
}
