// Encodes the position of a listing as an opaque token, and decodes it. A token is valid only for
// the filter with which it was made.
import { createHash } from "node:crypto";
import { StoreError } from "../base/errors.js";
import type { ListFilter } from "./list-filter.js";

/**
 * The last snapshot of a page. The next page contains the snapshots that follow it in the order.
 */
export interface Cursor {
  readonly createdAtMs: number;
  readonly id: string;
}

/**
 * Hexadecimal digits of the digest in a token. The digest guards against mix-ups and damage, not
 * against forgery: a token grants no access.
 */
const digestLength = 16;
const tokenPattern = /^[A-Za-z0-9_-]{1,512}$/;

export function encodePageToken(cursor: Cursor, filter: ListFilter): string {
  const position = `${cursor.createdAtMs}.${cursor.id}`;
  return Buffer.from(`${digestOf(position, filter)}.${position}`).toString("base64url");
}

/** Decodes a page token. Throws PAGE_TOKEN_INVALID unless `token` was made for this filter. */
export function decodePageToken(token: string, filter: ListFilter): Cursor {
  if (!tokenPattern.test(token)) throw invalidError("it is not a token of this daemon");
  const text = Buffer.from(token, "base64url").toString();
  const match = /^([0-9a-f]+)\.((-?\d+)\.(.+))$/s.exec(text);
  const [, digest, position, createdAt, id] = match ?? [];
  if (position === undefined || createdAt === undefined || id === undefined) {
    throw invalidError("it is not a token of this daemon");
  }
  const createdAtMs = Number(createdAt);
  if (digest !== digestOf(position, filter) || !Number.isSafeInteger(createdAtMs)) {
    throw invalidError("it is damaged, or was made for another filter");
  }
  return { createdAtMs, id };
}

function digestOf(position: string, filter: ListFilter): string {
  const { labels = {}, createdAfter, createdBefore, ...rest } = filter;
  const canonical = JSON.stringify([
    position,
    Object.entries(rest).sort(byKey),
    Object.entries(labels).sort(byKey),
    createdAfter?.getTime() ?? null,
    createdBefore?.getTime() ?? null,
  ]);
  return createHash("sha256").update(canonical).digest("hex").slice(0, digestLength);
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function invalidError(why: string): StoreError {
  const description = `expected a token from the previous page with the same filter; ${why}`;
  return new StoreError("PAGE_TOKEN_INVALID", `pageToken: ${description}`, {
    hint: "Start again without a token, and keep the filter the same from page to page",
    fields: [{ field: "pageToken", description }],
  });
}
