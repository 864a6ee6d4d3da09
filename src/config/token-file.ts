// Reads and changes the file of bearer tokens, which contains the owner, the role, the name prefix,
// the expiry and the hash of each token. The daemon reads it, and `stasis token` writes it. No file
// of stasis contains a token itself.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { StoreError, isStoreError, messageOf } from "../base/errors.js";
import { denialHint, errnoMetadata } from "../base/owner.js";
import { checkIdentityName, checkNamePrefix, roles, type Identity } from "../model/access.js";
import { requireKnownVersion } from "../model/format.js";

const tokenSchema = z.strictObject({
  /** Identifies the token where the token itself must not be shown. */
  id: z.string().regex(/^[0-9a-f]{12}$/),
  name: z.string(),
  role: z.enum(roles),
  namePrefix: z.string(),
  /**
   * The SHA-256 of the whole token, in hex. A token has 256 random bits and so does not need a slow
   * hash.
   */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.iso.datetime(),
  /** The time when the token expires. Without it, the token never expires. */
  expiresAt: z.iso.datetime().optional(),
});
const tokenFileVersion = 1;
const fileSchema = z.strictObject({
  version: z.literal(tokenFileVersion),
  tokens: z.array(tokenSchema),
});

export type TokenRecord = z.infer<typeof tokenSchema>;

const tokenPattern = /^stasis_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

export interface NewToken extends Identity {
  readonly expiresAt: Date | undefined;
}

/** Returns the token, which is shown once, and the record that is stored. */
export function makeToken(
  { name, role, namePrefix, expiresAt }: NewToken,
  now: Date,
): { token: string; record: TokenRecord } {
  checkIdentityName(name, "name");
  checkNamePrefix(namePrefix, "name_prefix");
  const id = randomBytes(6).toString("hex");
  const token = `stasis_${id}_${randomBytes(32).toString("base64url")}`;
  const record = {
    ...{ id, name, role, namePrefix, sha256: hashOf(token).toString("hex") },
    createdAt: now.toISOString(),
    ...(expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() }),
  };
  return { token, record };
}

/**
 * Returns the record of a token, if the token is valid now. The time that this takes reveals
 * nothing about the hash.
 */
export function findToken(
  records: readonly TokenRecord[],
  token: string,
  now: Date,
): TokenRecord | undefined {
  const [, id] = tokenPattern.exec(token) ?? [];
  const record = records.find((one) => one.id === id);
  if (record === undefined) return undefined;
  if (!timingSafeEqual(hashOf(token), Buffer.from(record.sha256, "hex"))) return undefined;
  return isExpired(record, now) ? undefined : record;
}

export function isExpired({ expiresAt }: TokenRecord, now: Date): boolean {
  return expiresAt !== undefined && new Date(expiresAt) <= now;
}

/**
 * Returns the records in the file. An absent file has no tokens. Throws FIELD_INVALID if the
 * content is not a token file.
 */
export function readTokenFile(path: string): readonly TokenRecord[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isAbsent(error)) return [];
    throw unusable(path, error, denialHint(error, path, "read"));
  }
  try {
    const found: unknown = JSON.parse(text);
    requireKnownVersion(path, found, tokenFileVersion);
    const { tokens } = fileSchema.parse(found);
    for (const { name, namePrefix } of tokens) {
      checkIdentityName(name, "name");
      checkNamePrefix(namePrefix, "namePrefix");
    }
    return tokens;
  } catch (error) {
    if (isStoreError(error, "FORMAT_UNSUPPORTED")) throw error;
    throw unusable(path, error);
  }
}

/**
 * Replaces the file atomically. A new file has mode 0600; an existing one keeps its owner and mode.
 * If two writers run concurrently, the second one is refused, because it would lose a token or
 * restore a revoked one.
 */
export function changeTokenFile(
  given: string,
  change: (records: readonly TokenRecord[]) => readonly TokenRecord[],
): void {
  const path = linkedFile(given);
  const next = `${path}.new`;
  let descriptor: number;
  try {
    descriptor = openSync(next, "wx", 0o600);
  } catch (error) {
    throw unwritable(path, next, error);
  }
  try {
    const tokens = change(readTokenFile(path));
    writeFileSync(
      descriptor,
      `${JSON.stringify({ version: tokenFileVersion, tokens }, null, 2)}\n`,
    );
    keepOwner(descriptor, path);
    fsyncSync(descriptor);
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw isStoreError(error) || errnoOf(error) === undefined
      ? error
      : unwritable(path, next, error);
  } finally {
    closeSync(descriptor);
  }
  // A revoked token must not return after a power failure.
  syncDirectory(dirname(path));
}

/**
 * Returns the path of the file behind a symbolic link. If the link itself were replaced, the daemon
 * would still read the old target.
 */
function linkedFile(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isAbsent(error)) return path;
    throw unusable(path, error, denialHint(error, path, "read"));
  }
}

/**
 * Gives the new file the owner of the old one, so that a daemon that runs as another user can read
 * the file after root's `stasis token revoke`.
 */
function keepOwner(descriptor: number, path: string): void {
  const old = statSync(path, { throwIfNoEntry: false });
  if (old === undefined) return;
  fchownSync(descriptor, old.uid, old.gid);
  fchmodSync(descriptor, old.mode & 0o666);
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function isAbsent(error: unknown): boolean {
  return errnoOf(error) === "ENOENT";
}

function errnoOf(error: unknown): string | undefined {
  return errnoMetadata(error)["errno"];
}

/**
 * Returns the error for a file that cannot be replaced. `next` is the file that would replace the
 * one at `path`.
 */
function unwritable(path: string, next: string, cause: unknown): StoreError {
  switch (errnoOf(cause)) {
    case "EEXIST":
      return unusable(path, cause, `If no other \`stasis token\` is running, remove ${next}`);
    case "EACCES":
      return unusable(path, cause, denialHint(cause, next, "write"));
    case "EPERM":
      // Only root can make another user the owner of a file.
      return unusable(path, cause, denialHint(cause, path, "write"));
    case "ENOENT":
      return unusable(path, cause, `Make the directory ${dirname(path)} first`);
    case "ENOSPC":
    case "EDQUOT":
      return new StoreError("STORAGE_FULL", `${cannotUse(path)}: ${messageOf(cause)}`, {
        hint: "Free space there; the file is as it was",
        metadata: errnoMetadata(cause),
        cause,
      });
    default:
      return unusable(path, cause, `It is replaced by ${next}: check that directory`);
  }
}

function cannotUse(path: string): string {
  return `the token file ${path} cannot be used`;
}

function unusable(path: string, cause: unknown, hint?: string): StoreError {
  const why = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
  return new StoreError("FIELD_INVALID", `${cannotUse(path)}: ${why}`, {
    hint: hint ?? "It is written by `stasis token create`",
    metadata: errnoMetadata(cause),
    fields: [{ field: "tokens", description: "expected a file of tokens" }],
    cause,
  });
}
