// Decides what `stasis pull --all` fetches from a remote, and which names the snapshots get here.
// docs/remotes.md, "A lost node", describes the rules for users.
import type { JsonValue } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { RemoteSnapshot, Snapshot, SnapshotConfig } from "../client/index.js";

/** The plan for one snapshot at the remote. */
export type Planned = { readonly snapshot: RemoteSnapshot } & (
  | {
      readonly what: "pull";
      /** Whether the snapshot gets its name. If not, another snapshot has it. */
      readonly named: boolean;
    }
  /** The same snapshot is already here, with the id `here`. */
  | { readonly what: "present"; readonly here: string }
  /** A newer push stored the same snapshot under the same name. Its id is `by`. */
  | { readonly what: "superseded"; readonly by: string }
  /** The snapshot has expired. */
  | { readonly what: "expired" }
);

/** The snapshots of this node, as far as the plan needs them. */
export interface Here {
  add(snapshot: Snapshot): void;
  /**
   * Returns the plan for the snapshots of a remote, the oldest first. `there` may have any order.
   */
  plan(there: readonly RemoteSnapshot[], nowMs: number): Planned[];
}

export function createHere(): Here {
  return new PullPlan();
}

/** Ids of snapshots by a property that several of them may share. */
class Ids {
  readonly #ids = new Map<string, string[]>();

  add(property: string, id: string): void {
    const ids = this.#ids.get(property);
    if (ids === undefined) this.#ids.set(property, [id]);
    else ids.push(id);
  }

  /** Returns an id that is not in `used`, and adds it there. Undefined if there is no such id. */
  take(property: string, used: Set<string>): string | undefined {
    const ids = this.#ids.get(property) ?? [];
    let id = ids.pop();
    while (id !== undefined && used.has(id)) id = ids.pop();
    if (id !== undefined) used.add(id);
    return id;
  }
}

class PullPlan implements Here {
  readonly #digests = new Map<string, string>();
  readonly #names = new Set<string>();
  readonly #byName = new Ids();
  readonly #byConfig = new Ids();

  add({ config, digest }: Snapshot): void {
    if (config === undefined) return;
    const { id, name } = config;
    this.#digests.set(id, digest);
    if (name !== "") this.#names.add(name);
    this.#byName.add(keyOf(digest, name), id);
    this.#byConfig.add(keyOf(digest, configText(config)), id);
  }

  plan(there: readonly RemoteSnapshot[], nowMs: number): Planned[] {
    const newestFirst = [...there].sort((a, b) => (a.id < b.id ? 1 : -1));
    const superseded = supersededBy(newestFirst);
    const current = newestFirst.filter(({ id }) => !superseded.has(id));
    const present = this.#match(current);
    const names = new Set(this.#names);
    const planned = newestFirst.map((snapshot): Planned => {
      const by = superseded.get(snapshot.id);
      if (by !== undefined) return { snapshot, what: "superseded", by };
      const here = present.get(snapshot.id);
      if (here !== undefined) return { snapshot, what: "present", here };
      const { expireTime } = snapshot;
      const hasExpired = expireTime !== undefined && timestampMs(expireTime) <= nowMs;
      if (hasExpired) return { snapshot, what: "expired" };
      const name = snapshot.config?.name ?? "";
      const named = !names.has(name);
      if (name !== "") names.add(name);
      return { snapshot, what: "pull", named };
    });
    return planned.reverse();
  }

  /**
   * Finds the snapshots here that are the same as those at the remote. A snapshot here matches all
   * of its own pushes, which have its id. Otherwise it matches at most one snapshot at the remote,
   * by digest and name or by digest and configuration. The name is not compared in the last case,
   * because a snapshot whose name was taken has no name here.
   */
  #match(there: readonly RemoteSnapshot[]): Map<string, string> {
    const found = new Map<string, string>();
    const used = new Set<string>();
    for (const { id, config, digest } of there) {
      const own = config?.id ?? "";
      const here = this.#digests.get(own);
      // A new snapshot has no digest yet. Its files do not change, so its id suffices.
      if (here === undefined || (here !== digest && here !== "")) continue;
      found.set(id, own);
      used.add(own);
    }
    const ways = [
      ({ config, digest }: RemoteSnapshot) =>
        this.#byName.take(keyOf(digest, config?.name ?? ""), used),
      ({ config, digest }: RemoteSnapshot) =>
        this.#byConfig.take(keyOf(digest, configText(config)), used),
    ];
    for (const way of ways) {
      for (const snapshot of there) {
        if (found.has(snapshot.id)) continue;
        const here = way(snapshot);
        if (here !== undefined) found.set(snapshot.id, here);
      }
    }
    return found;
  }
}

/**
 * Returns the newest push that replaces each older push of the same snapshot under the same name,
 * by the id of the older push.
 */
function supersededBy(newestFirst: readonly RemoteSnapshot[]): Map<string, string> {
  const newest = new Map<string, string>();
  const superseded = new Map<string, string>();
  for (const { id, nodeId, config } of newestFirst) {
    const key = JSON.stringify([nodeId, config?.id, config?.name]);
    const by = newest.get(key);
    if (by === undefined) newest.set(key, id);
    else superseded.set(id, by);
  }
  return superseded;
}

function keyOf(digest: string, property: string): string {
  return `${digest} ${property}`;
}

/**
 * Returns the configuration without id and name as a text. Equal configurations have equal texts.
 */
function configText(config: SnapshotConfig | undefined): string {
  if (config === undefined) return "";
  const { id: _id, name: _name, $typeName, ...rest } = config;
  return JSON.stringify(sorted(rest)) + $typeName;
}

/** Returns the value as JSON, with the keys of all objects in order. */
function sorted(value: unknown): JsonValue {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return (value ?? null) as JsonValue;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}
