// Defines the state that the actors of the model share: the bucket, the requests that are still
// under way, the durable records of each node, and facts that only the invariants read.
//
// A world is a value. Each function returns another world, and equal worlds have equal JSON texts.

/** A request whose author does not wait for it any more. It may take effect at any later moment. */
export interface LateRequest {
  readonly author: string;
  readonly verb: "PUT" | "DELETE";
  readonly key: string;
  readonly content: Content;
}

/**
 * The keys that an object names: the packs and the map of a snapshot, the objects that a claim
 * protects, or the candidates of a collector's intent. An entry of a claim that ends in "-"
 * protects every key that begins with it.
 */
export type Content = readonly string[];

/** A node's record of one snapshot. The record is durable, so a restart does not change it. */
export interface CatalogRecord {
  /**
   * `local`: the node has the data. `holding`: the node has the data, and an offload is running.
   * `checked`: the same, and the offload has sent its last request. `cold`: only the remote has the
   * data.
   */
  readonly state: "local" | "holding" | "checked" | "cold";
  /** The key of the hold of the running offload or of the cold snapshot. */
  readonly hold: string;
  /** The keys of holds that this node has put, or has tried to put, and does not need any more. */
  readonly strays: readonly string[];
}

export interface World {
  readonly objects: Readonly<Record<string, Content>>;
  readonly late: readonly LateRequest[];
  /** The number of requests that may still fail. */
  readonly faults: number;
  readonly catalogs: Readonly<Record<string, CatalogRecord>>;
  readonly facts: readonly string[];
}

export const localRecord: CatalogRecord = { state: "local", hold: "", strays: [] };

export function worldOf(objects: Readonly<Record<string, Content>>, faults: number): World {
  return { objects: sorted(objects), late: [], faults, catalogs: {}, facts: [] };
}

export function withObject(world: World, key: string, content: Content): World {
  return { ...world, objects: sorted({ ...world.objects, [key]: content }) };
}

export function withoutObjects(world: World, keys: readonly string[]): World {
  const left = Object.entries(world.objects).filter(([key]) => !keys.includes(key));
  return { ...world, objects: Object.fromEntries(left) };
}

export function withLate(world: World, request: LateRequest): World {
  const late = [...world.late, request].sort((a, b) => compare(idOf(a), idOf(b)));
  return { ...world, late, faults: world.faults - 1 };
}

export function landed(world: World, request: LateRequest): World {
  const rest = { ...world, late: world.late.filter((each) => each !== request) };
  if (request.verb === "DELETE") return withoutObjects(rest, [request.key]);
  return withObject(rest, request.key, request.content);
}

export function withRecord(world: World, node: string, record: CatalogRecord): World {
  return { ...world, catalogs: sorted({ ...world.catalogs, [node]: record }) };
}

export function recordOf(world: World, node: string): CatalogRecord {
  return world.catalogs[node] ?? localRecord;
}

export function withFact(world: World, fact: string): World {
  if (world.facts.includes(fact)) return world;
  return { ...world, facts: [...world.facts, fact].sort(compare) };
}

/** Returns the remainder of each fact that begins with `what`. */
export function factsOf(world: World, what: string): string[] {
  const prefix = `${what} `;
  return world.facts
    .filter((fact) => fact.startsWith(prefix))
    .map((fact) => fact.slice(prefix.length));
}

export function keysBelow(world: World, prefix: string): string[] {
  return Object.keys(world.objects).filter((key) => key.startsWith(prefix));
}

export function has(world: World, key: string): boolean {
  return world.objects[key] !== undefined;
}

/** Returns whether the bucket contains a snapshot and every object that it names. */
export function isWhole(world: World, snapshot: string): boolean {
  const content = world.objects[snapshot];
  return content !== undefined && content.every((key) => has(world, key));
}

function sorted<Value>(entries: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => compare(a, b)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function idOf({ author, verb, key }: LateRequest): string {
  return `${author} ${verb} ${key}`;
}
