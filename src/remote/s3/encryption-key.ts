// Reads the key of the configuration that encrypts a remote.
import { readFileSync } from "node:fs";
import { StoreError, messageOf } from "../../base/errors.js";
import { denialHint, errnoMetadata } from "../../base/owner.js";
import type { ConfiguredRemote } from "../../config/remotes.js";

/** The file has the 32 bytes of the key as hex digits. */
const pattern = /^\s*([0-9a-f]{64})\s*$/i;

/**
 * Returns the key. Undefined if no key file is configured. Throws FIELD_INVALID if the file has no
 * usable key.
 */
export function readEncryptionKey({
  name,
  encryptionKeyFile: path,
}: ConfiguredRemote): Uint8Array | undefined {
  if (path === undefined) return undefined;
  const [, digits] = pattern.exec(textOf(name, path)) ?? [];
  if (digits !== undefined) return Buffer.from(digits, "hex");
  throw unusable(name, `${path} does not contain a key`, {
    hint: "The file has 64 hex digits: make it with `openssl rand -hex 32`",
  });
}

function textOf(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const hint = denialHint(cause, path, "read") ?? "Check encryption_key_file";
    const text = `encryption_key_file cannot be read: ${messageOf(cause)}`;
    throw unusable(name, text, { hint, metadata: errnoMetadata(cause), cause });
  }
}

function unusable(
  name: string,
  text: string,
  more: ConstructorParameters<typeof StoreError>[2],
): StoreError {
  const description = `expected a file with a key as encryption_key_file of ${name}`;
  return new StoreError("FIELD_INVALID", `remote ${name}: ${text}`, {
    fields: [{ field: "remotes", description }],
    ...more,
  });
}
