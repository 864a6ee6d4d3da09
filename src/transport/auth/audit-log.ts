// Writes the audit log: one line for each call that changes, or tries to change, something. Two
// rates limit the lines about refused calls.
import { createRateLimiter, type RateLimiter } from "../../base/rate-limiter.js";
import type { Logger } from "../../base/logger.js";
import type { Identity } from "../../model/access.js";
import type { MethodRule } from "./role-table.js";
import { fieldsOf, headerOf, maxLoggedText, type MessageFields } from "./logged-message.js";

interface AuditRecord {
  caller(identity: Identity): void;
  /**
   * Stores the message from which the line takes the name of its object: the only request of the
   * call, or the first message of a stream of requests.
   */
  request(message: unknown): void;
  response(message: unknown): void;
  /** Ends the record. `outcome` is `OK` or the reason of the error. */
  end(outcome: string): void;
}

export interface AuditLog {
  /** Begins the record of a call. `method` is, for example, `stasis.v1.SnapshotService/Create`. */
  begin(rule: MethodRule, method: string, peer: string): AuditRecord;
}

const ignored: AuditRecord = {
  caller: () => undefined,
  request: () => undefined,
  response: () => undefined,
  end: () => undefined,
};

/** Maximum number of lines per second about strangers, who could otherwise fill the disk. */
const maxUnknownPerSecond = 20;
/** Maximum number of lines per second about calls of one identity that exceed a limit. */
const maxRefusedPerSecond = 1;

export function createAuditLog(logger: Logger): AuditLog {
  const unknown = createRateLimiter(maxUnknownPerSecond);
  const refused = new Map<string, RateLimiter>();
  const refusedOf = (name: string): RateLimiter => {
    const limiter = refused.get(name) ?? createRateLimiter(maxRefusedPerSecond);
    refused.set(name, limiter);
    return limiter;
  };
  return {
    begin(rule, method, peer) {
      if (!rule.changes) return ignored;
      let who: Identity | undefined;
      let what: MessageFields = {};
      return {
        caller: (identity) => (who = identity),
        request: (message) => (what = { ...what, ...subjectOf(message) }),
        response: (message) => (what = { ...what, ...effectOf(message) }),
        end(outcome) {
          let leftOut: number | undefined = 0;
          if (who === undefined) leftOut = unknown.take();
          else if (outcome === "TOO_MANY_STREAMS") leftOut = refusedOf(who.name).take();
          if (leftOut === undefined) return;
          const { name = "", role = "", namePrefix = "", uid } = who ?? {};
          const caller = { who: name, role, namePrefix, ...(uid === undefined ? {} : { uid }) };
          const line = { audit: true, ...caller, peer, method, ...what, outcome };
          logger.info(leftOut === 0 ? line : { ...line, leftOut }, "audit");
        },
      };
    },
  };
}

/**
 * Maximum number of entries of a list in a line. The line of a longer list has its first entries
 * and its length.
 */
const maxListed = 100;
/**
 * Maximum size of a list in a line, so that a caller's text does not crowd out the rest. The limit
 * keeps the line below the length at which the log cuts it (100 ids have 2 KiB).
 */
const maxListBytes = 8 * 1024;

/**
 * Returns the object of the call, from fields that have the same name in all requests of all
 * services.
 */
function subjectOf(message: unknown): MessageFields {
  const header = headerOf(message);
  const name = text(fieldsOf(header["config"])["name"]) ?? text(header["name"]);
  return {
    ...one("ref", text(header["ref"])),
    ...list("refs", header["refs"]),
    ...list("ids", header["ids"]),
    ...one("name", name),
    ...one("directory", text(header["directory"])),
    ...one("source", text(header["source"])),
    ...one("target", text(header["target"])),
    ...one("digest", text(header["digest"])),
    ...one("sessionId", text(header["sessionId"])),
    ...one("owner", text(header["owner"])),
    ...(header["dryRun"] === true ? { dryRun: true } : {}),
  };
}

function effectOf(message: unknown): MessageFields {
  const response = fieldsOf(message);
  const id = text(fieldsOf(fieldsOf(response["snapshot"])["config"])["id"]);
  const rows = response["candidates"] ?? response["outcomes"];
  return {
    ...one("id", id),
    ...list("deletedIds", response["deletedIds"]),
    ...one("sessionId", text(response["sessionId"])),
    ...(Array.isArray(rows)
      ? list(
          "candidates",
          rows.map((row) => fieldsOf(row)["id"]),
        )
      : {}),
  };
}

function one(key: string, value: string | undefined): MessageFields {
  return value === undefined ? {} : { [key]: value };
}

function list(key: string, value: unknown): MessageFields {
  if (!Array.isArray(value) || value.length === 0) return {};
  const shown: string[] = [];
  let room = maxListBytes;
  for (const entry of value.slice(0, maxListed)) {
    const listed = text(entry) ?? "";
    room -= jsonBytes(listed);
    if (room < 0) break;
    shown.push(listed);
  }
  const { length } = value;
  return { [key]: shown, ...(length > shown.length ? { [`${key}Count`]: length } : {}) };
}

/**
 * Returns an upper bound of the bytes that the text takes in the line. The log escapes more
 * characters than JSON requires.
 */
function jsonBytes(listed: string): number {
  return 3 + listed.replace(/[^ -~]|["\\]/g, "\\u0000").length;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, maxLoggedText) : undefined;
}
