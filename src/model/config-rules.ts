// Validates configurations from callers.
import { fieldInvalid } from "../base/errors.js";
import type { SnapshotConfig } from "./config.js";
import { hostFactNames } from "./host-facts.js";
import { checkDescription, checkLabels, checkName, checkWellFormed } from "./name.js";

const maxTextBytes = 1024;
const maxImageBlobIds = 1024;

/**
 * Throws FIELD_INVALID unless `config` can be stored. `parent` is the path of `config` in the
 * request, for the field names in errors. It is empty if the request itself has these fields.
 */
export function checkConfig(config: SnapshotConfig, parent: string): void {
  const prefix = parent === "" ? "" : `${parent}.`;
  checkName(config.name, `${prefix}name`);
  checkDescription(config.description, `${prefix}description`);
  checkLabels(config.labels, `${prefix}labels`);
  checkText(config.image, `${prefix}image`);
  checkText(config.imageDigest, `${prefix}imageDigest`);
  checkText(config.imageType, `${prefix}imageType`);
  checkText(config.hypervisor, `${prefix}hypervisor`);
  checkText(config.network, `${prefix}network`);
  for (const name of hostFactNames) checkText(config.host?.[name] ?? "", `${prefix}host.${name}`);
  checkSize(config.memoryBytes, `${prefix}memory`);
  checkSize(config.storageBytes, `${prefix}storage`);
  if (config.imageBlobIds.length > maxImageBlobIds) {
    const found = `${config.imageBlobIds.length} ids`;
    throw fieldInvalid(`${prefix}imageBlobIds`, `at most ${maxImageBlobIds} ids`, found);
  }
  for (const id of config.imageBlobIds) {
    if (id === "") throw fieldInvalid(`${prefix}imageBlobIds`, "no empty id", id);
    checkText(id, `${prefix}imageBlobIds`);
  }
}

function checkText(text: string, field: string): void {
  checkWellFormed(text, field);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxTextBytes) {
    throw fieldInvalid(field, `at most ${maxTextBytes} bytes of UTF-8`, `${bytes} bytes`);
  }
}

function checkSize(sizeBytes: number, field: string): void {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes >= 0) return;
  throw fieldInvalid(field, "0 to 9007199254740991 bytes", sizeBytes);
}

/** The end of the year 9999 is the last time that protobuf's Timestamp can express. */
export const latestTimeMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Throws FIELD_INVALID unless the time can be stored and sent. */
export function checkExpireTime(time: Date, field: string): void {
  const ms = time.getTime();
  if (ms >= 0 && ms <= latestTimeMs) return;
  const found = Number.isNaN(ms) ? "no time" : `${ms} ms`;
  throw fieldInvalid(field, "a time from 1970 to 9999", found);
}

/** Returns the ids sorted and without duplicates, because the order of blob ids has no meaning. */
export function normalizeBlobIds(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)].sort();
}

/**
 * Returns the UUID of a request in lower case, or undefined if the request has no UUID. Throws
 * FIELD_INVALID if `requestId` is neither empty nor a UUID.
 */
export function checkRequestId(requestId: string, field: string): string | undefined {
  if (requestId === "") return undefined;
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(requestId)) {
    throw fieldInvalid(field, "an empty string or a UUID", requestId);
  }
  return requestId.toLowerCase();
}
