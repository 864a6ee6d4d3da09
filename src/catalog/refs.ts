// Resolves a ref: an exact id, a name, or a unique prefix of an id, in this order.
import { StoreError, describeValue } from "../base/errors.js";
import { minIdPrefixLength } from "../model/name.js";
import type { Snapshot, SnapshotState } from "../model/snapshot.js";
import type { CatalogContext } from "./context.js";
import { holderOf } from "./names.js";
import { prefixRange } from "./name-range.js";
import { requireSnapshot } from "./records.js";
import { sql } from "./sql.js";

interface RefOptions {
  /** The states to search. Snapshots in other states are invisible. Default: ready. */
  readonly states?: readonly SnapshotState[];
  /**
   * The prefix of visible names. Snapshots with other names are invisible. Default: all names are
   * visible.
   */
  readonly namePrefix?: string;
}

export interface Refs {
  /**
   * Returns the snapshot that a ref names, with its files. Throws SNAPSHOT_NOT_FOUND if no visible
   * snapshot matches, and AMBIGUOUS_REF with candidates if several ids begin with the ref.
   */
  resolveRef(ref: string, options?: RefOptions): Snapshot;
}

interface Candidate {
  readonly id: string;
  readonly name: string;
}

const maxCandidates = 10;
const servedStates: readonly SnapshotState[] = ["ready"];

export function createRefs(context: CatalogContext): Refs {
  return {
    resolveRef: (ref, { states = servedStates, namePrefix = "" } = {}) =>
      requireSnapshot(context, resolveId(context, ref, states, namePrefix)),
  };
}

function resolveId(
  context: CatalogContext,
  ref: string,
  states: readonly SnapshotState[],
  namePrefix: string,
): string {
  const { connection } = context;
  const found = connection.one<{ state: SnapshotState; name: string }>(sql.nameOfId, { id: ref });
  const exact = found?.name.startsWith(namePrefix) === true ? found : undefined;
  if (exact !== undefined && states.includes(exact.state)) return ref;
  for (const state of ref.startsWith(namePrefix) ? states : []) {
    const named = holderOf(connection, ref, state);
    if (named !== undefined) return named.id;
  }
  if (exact?.state === "lost") throw lostError(ref);
  if (ref.length < minIdPrefixLength) throw notFoundError(ref);
  const params = { ...prefixRange(ref), states: states.join(","), limit: maxCandidates + 1 };
  const names = prefixRange(namePrefix);
  const candidates =
    namePrefix === ""
      ? connection.all<Candidate>(sql.idsByPrefix, params)
      : connection.all<Candidate>(sql.namedIdsByPrefix, {
          ...params,
          namePrefix: names.prefix,
          namePrefixEnd: names.prefixEnd,
        });
  const [first, second] = candidates;
  if (first === undefined) throw notFoundError(ref);
  if (second !== undefined) throw ambiguousError(ref, candidates);
  return first.id;
}

export function notFoundError(ref: string): StoreError {
  const tooShort = ref !== "" && ref.length < minIdPrefixLength;
  return new StoreError("SNAPSHOT_NOT_FOUND", `no snapshot matches ${describeValue(ref)}`, {
    hint: tooShort
      ? `A prefix of an id needs ${minIdPrefixLength} characters or more; see \`stasis ls\``
      : "See `stasis ls`",
    resource: { type: "snapshot", name: ref.slice(0, 128) },
  });
}

function lostError(id: string): StoreError {
  return new StoreError(
    "SNAPSHOT_NOT_FOUND",
    `snapshot ${id} is lost: its directory was missing when the daemon started`,
    {
      hint: "Put the directory back and restart the daemon, or delete the snapshot",
      resource: { type: "snapshot", name: id },
      metadata: { snapshot_id: id, state: "lost" },
    },
  );
}

function ambiguousError(ref: string, candidates: readonly Candidate[]): StoreError {
  const shown = candidates.slice(0, maxCandidates);
  const list = shown.map(({ id, name }) => (name === "" ? id : `${id} (${name})`)).join(", ");
  const more = candidates.length > maxCandidates ? " and more" : "";
  return new StoreError(
    "AMBIGUOUS_REF",
    `${describeValue(ref)} is the beginning of several ids: ${list}${more}`,
    {
      hint: "Give more characters of the id, or the name",
      resource: { type: "snapshot", name: ref.slice(0, 128) },
      metadata: { candidates: shown.map(({ id }) => id).join(",") },
    },
  );
}
