// Who may call: roles, identities, and the names that an identity with a prefix is confined to.
import { fieldInvalid } from "../base/errors.js";

/** What each may do is in transport/auth/role-table.ts. */
export const roles = ["reader", "writer", "operator", "peer"] as const;
export type Role = (typeof roles)[number];

/** How a caller is known. `none`: it came over TCP and showed nothing. */
export type Proof = "none" | "token" | "certificate" | "socket";

/** Whom a call is made for. */
export interface Identity {
  /** For the audit: of a certificate's or token's owner, or where an unnamed caller came from. */
  readonly name: string;
  readonly role: Role;
  /** Many callers have it, who are not strangers and cannot be told apart: no limit per identity counts it. */
  readonly shared?: boolean;
  /** Snapshots with other names do not exist for it; empty = all of them. */
  readonly namePrefix: string;
  /** Of the call at hand; what a configuration says of an identity has none. */
  readonly proof?: Proof;
  /** User id of the process at the other end of the Unix socket. */
  readonly uid?: number;
}

/** Paths of the node are shown to those only who may have a use for them. */
export function seesPaths({ namePrefix, proof }: Identity): boolean {
  return namePrefix === "" && proof !== "none";
}

/**
 * Ends with a separator, so that no prefix contains the other's names by chance (`a` has those of
 * `ab`), and so that no id, which has letters and digits only, begins with one.
 */
const prefixPattern = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}[._:/-]$/;
const identityNamePattern = /^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,63}$/;

/** Throws FIELD_INVALID unless `prefix` is empty or one that an identity can be confined to. */
export function checkNamePrefix(prefix: string, field: string): void {
  if (prefix === "" || prefixPattern.test(prefix)) return;
  const expected = "the beginning of a name, 2 to 64 characters, the last one of . _ : / -";
  throw fieldInvalid(field, expected, prefix, "For example team-a/");
}

export function checkIdentityName(name: string, field: string): void {
  if (identityNamePattern.test(name)) return;
  throw fieldInvalid(field, "1 to 64 characters of A-Z a-z 0-9 . _ @ : / -", name);
}
