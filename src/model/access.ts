// Defines access control: roles, identities, and the name prefixes that confine identities.
import { fieldInvalid } from "../base/errors.js";

/** All roles. transport/auth/role-table.ts lists the calls of each role. */
export const roles = ["reader", "writer", "operator", "peer"] as const;
export type Role = (typeof roles)[number];

/**
 * The way in which a caller was identified. `none` means that the caller came over TCP without a
 * credential.
 */
type Proof = "none" | "token" | "certificate" | "socket";

/** The identity for which a call is made. */
export interface Identity {
  /**
   * Name for the audit log: the owner of a certificate or token, or the origin of an unnamed
   * caller.
   */
  readonly name: string;
  readonly role: Role;
  /**
   * True if several callers share the identity and cannot be distinguished. They are authenticated,
   * so no limit per identity applies.
   */
  readonly shared?: boolean;
  /** The identity sees only snapshots whose names begin with this prefix. Empty means all names. */
  readonly namePrefix: string;
  /**
   * The way in which the current caller was identified. Not set in an identity that comes from a
   * configuration.
   */
  readonly proof?: Proof;
  /** User id of the process at the other end of the Unix socket. */
  readonly uid?: number;
}

/**
 * Returns whether the caller may see paths of the node. A caller that is confined to a prefix, or
 * that came without a credential, may not.
 */
export function seesPaths({ namePrefix, proof }: Identity): boolean {
  return namePrefix === "" && proof !== "none";
}

/**
 * A prefix ends with a separator. So no prefix contains another's names by chance (as `a` contains
 * those of `ab`), and no id begins with a prefix, because ids have only letters and digits.
 */
const prefixPattern = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}[._:/-]$/;
const identityNamePattern = /^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,63}$/;

/** Throws FIELD_INVALID unless `prefix` is empty or can confine an identity. */
export function checkNamePrefix(prefix: string, field: string): void {
  if (prefix === "" || prefixPattern.test(prefix)) return;
  const expected = "the beginning of a name, 2 to 64 characters, the last one of . _ : / -";
  throw fieldInvalid(field, expected, prefix, "For example team-a/");
}

export function checkIdentityName(name: string, field: string): void {
  if (identityNamePattern.test(name)) return;
  throw fieldInvalid(field, "1 to 64 characters of A-Z a-z 0-9 . _ @ : / -", name);
}
