// Maps every method of every service to the roles that may call it. A method that is missing here
// is for operators only.
import { StoreError } from "../../base/errors.js";
import type { Identity, Role } from "../../model/access.js";

export interface MethodRule {
  readonly roles: readonly Role[] | "anyone";
  /** Whether the audit log records this call. */
  readonly changes: boolean;
  /**
   * Whether the call reaches beyond the snapshots of one prefix: to the node's files, or to state
   * that all snapshots share. Identities with a name prefix are refused.
   */
  readonly wholeNode: boolean;
}

const everybody = ["reader", "writer", "operator", "peer"] as const;
const readers = ["reader", "writer", "operator"] as const;
const writers = ["writer", "operator"] as const;
const operators = ["operator"] as const;
const peers = ["peer", "operator"] as const;

type Scope = "snapshots" | "node";

const reads = (roles: readonly Role[], extent: Scope = "snapshots"): MethodRule => ({
  ...{ roles, changes: false, wholeNode: extent === "node" },
});
const changes = (roles: readonly Role[], extent: Scope = "snapshots"): MethodRule => ({
  ...{ roles, changes: true, wholeNode: extent === "node" },
});
const open: MethodRule = { roles: "anyone", changes: false, wholeNode: false };

/** The table is exported for the test, which compares it with the methods of the services. */
export const roleTable: Readonly<Record<string, MethodRule>> = {
  "stasis.v1.SnapshotService/Create": changes(writers),
  "stasis.v1.SnapshotService/Import": changes(writers),
  "stasis.v1.SnapshotService/Delete": changes(writers),
  "stasis.v1.SnapshotService/Update": changes(operators),
  "stasis.v1.SnapshotService/List": reads(readers),
  "stasis.v1.SnapshotService/Inspect": reads(readers),
  "stasis.v1.SnapshotService/Restore": reads(readers),
  "stasis.v1.SnapshotService/Export": reads(readers),
  "stasis.v1.SnapshotService/ReadFile": reads(readers),
  // The answer contains a path of the node.
  "stasis.v1.SnapshotService/OpenDataDirectory": reads(readers, "node"),
  "stasis.v1.SnapshotService/Verify": reads(readers),
  "stasis.v1.SnapshotService/Watch": reads(readers),
  // The daemon reads, writes or moves files of its node for the caller, within the limits of
  // node-access.ts.
  "stasis.v1.SnapshotService/CreateFromDirectory": changes(operators, "node"),
  "stasis.v1.SnapshotService/CreateDeltaFromDirectory": changes(operators, "node"),
  "stasis.v1.SnapshotService/ImportFromDirectory": changes(operators, "node"),
  "stasis.v1.SnapshotService/ExportToDirectory": changes(operators, "node"),
  "stasis.v1.SnapshotService/CloneToDirectory": changes(operators, "node"),
  "stasis.v1.SnapshotService/TakeToDirectory": changes(operators, "node"),

  "stasis.v1.GcService/CollectGarbage": changes(operators),
  // A GC session pauses all publication, and its references are those of all snapshots.
  "stasis.v1.GcService/BeginGc": changes(operators, "node"),
  "stasis.v1.GcService/ListGcReferences": reads(operators, "node"),
  "stasis.v1.GcService/ListGcCandidates": reads(operators, "node"),
  "stasis.v1.GcService/CollectGc": changes(operators, "node"),
  "stasis.v1.GcService/RenewGc": changes(operators, "node"),
  "stasis.v1.GcService/EndGc": changes(operators, "node"),

  "stasis.v1.ReplicationService/Pull": changes(operators, "node"),
  "stasis.v1.ReplicationService/Push": changes(operators, "node"),
  "stasis.v1.ReplicationService/ListTransfers": reads(operators, "node"),
  "stasis.v1.ReplicationService/CancelTransfer": changes(operators, "node"),
  "stasis.v1.ReplicationService/GetManifest": reads(peers, "node"),
  "stasis.v1.ReplicationService/ReadTable": reads(peers, "node"),
  "stasis.v1.ReplicationService/ReadBlocks": reads(peers, "node"),

  // The buckets have the snapshots of all prefixes.
  "stasis.v1.RemoteService/ListRemotes": reads(operators, "node"),
  "stasis.v1.RemoteService/ListRemoteSnapshots": reads(operators, "node"),
  "stasis.v1.RemoteService/CheckRemote": changes(operators, "node"),
  "stasis.v1.RemoteService/DeleteRemoteSnapshots": changes(operators, "node"),
  "stasis.v1.RemoteService/CollectRemoteGarbage": changes(operators, "node"),
  "stasis.v1.RemoteService/VerifyRemote": reads(operators, "node"),

  "stasis.v1.SystemService/GetInfo": reads(everybody),
  "stasis.v1.SystemService/Check": reads(operators, "node"),
  "stasis.v1.SystemService/Repair": changes(operators, "node"),

  "grpc.health.v1.Health/Check": open,
  "grpc.health.v1.Health/List": open,
  "grpc.health.v1.Health/Watch": open,
  // An option of the configuration enables reflection.
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": open,
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": open,
};

/** Returns the rule of `method`, for example of `stasis.v1.SnapshotService/Create`. */
export function ruleOf(method: string): MethodRule {
  return roleTable[method] ?? changes(operators, "node");
}

/** Throws ROLE_INSUFFICIENT unless the identity may call the method. */
export function checkRole(rule: MethodRule, identity: Identity, method: string): void {
  if (rule.roles === "anyone") return;
  const { name, role, namePrefix } = identity;
  if (!rule.roles.includes(role)) {
    throw denied(identity, `${name} is a ${role}, and ${method} is for ${rule.roles.join(", ")}`);
  }
  if (rule.wholeNode && namePrefix !== "") {
    throw denied(
      identity,
      `${name} is confined to names with ${namePrefix}, and ${method} reaches beyond them`,
    );
  }
}

/**
 * Throws unless the identity may protect snapshots, a right that some calls of writers need in
 * addition.
 */
export function checkMayProtect(identity: Identity): void {
  if (identity.role === "operator") return;
  throw denied(identity, `${identity.name} is a ${identity.role}: only an operator can protect`);
}

function denied({ role }: Identity, message: string): StoreError {
  return new StoreError("ROLE_INSUFFICIENT", message, {
    hint: "Ask the operator of the daemon for another role",
    metadata: { role },
  });
}
