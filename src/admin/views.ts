// Makes ordered views of the snapshots, for a page that can jump to any place in a long list. A
// view keeps the ids in its order, so that rows stay in their places while the user scrolls.
import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { fieldInvalid } from "../base/errors.js";
import type { ConfinedStore, OutlineRow } from "../store/snapshot-store.js";

/** The part of the store from which a view is made. */
type Outlined = Pick<ConfinedStore, "outline" | "listed" | "position">;

const sorts = ["created", "name", "size", "charged", "accessed"] as const;
type Sort = (typeof sorts)[number];

interface ViewQuery {
  /** The caller's own prefix. A view is shown only to callers with the same prefix. */
  readonly confinedTo: string;
  readonly namePrefix: string;
  /** Each word must be a part of the name or the beginning of the id. */
  readonly words: readonly string[];
  readonly labels: readonly (readonly [key: string, value: string])[];
  readonly onlyDamaged: boolean;
  readonly sort: Sort;
  readonly descending: boolean;
}

interface View {
  readonly token: string;
  readonly ids: readonly string[];
  /** True if the view contains only the first `maxIds` snapshots of the walk. */
  readonly truncated: boolean;
}

export interface Views {
  /**
   * Returns the view with this token, another kept view of the same query, or a new view. Throws
   * FIELD_INVALID for an invalid query.
   */
  get(store: Outlined, query: ViewQuery, token: string, signal: AbortSignal): Promise<View>;
}

/**
 * Maximum ids of a view. An id and its place take about 60 bytes, so four full views take 30 MiB.
 */
const maxIds = 125_000;
const maxViews = 4;
/** Number of rows that are read in one turn of the event loop, which takes about 3 ms. */
const rowsPerTurn = 1000;
/**
 * Time after which a view is made again even if the store had no event, because reads also change
 * views.
 */
const freshMs = 30_000;

interface KeptView extends View {
  readonly key: string;
  /** The position of the store's events when the walk began. */
  readonly position: string;
  readonly madeAt: number;
}

export function createViews(): Views {
  /** The kept views in the order of their last use; the most recently used one is last. */
  const kept = new Map<string, KeptView>();
  const making = new Map<string, Promise<KeptView>>();
  /**
   * Only one view is made at a time, so that even with many readers other work gets most of the
   * time.
   */
  let lastMade: Promise<unknown> = Promise.resolve();
  const use = (view: KeptView): View => {
    kept.delete(view.token);
    kept.set(view.token, view);
    for (const token of kept.keys()) {
      if (kept.size <= maxViews) break;
      kept.delete(token);
    }
    return view;
  };
  const makeInTurn = (store: Outlined, query: ViewQuery, key: string): Promise<KeptView> => {
    const view = lastMade.then(() => make(store, query, key));
    lastMade = view.catch(() => undefined);
    return view;
  };
  return {
    async get(store, query, token, signal) {
      const key = JSON.stringify(query);
      const known = kept.get(token);
      if (known?.key === key) return use(known);
      const position = store.position();
      const oldest = performance.now() - freshMs;
      const fresh = [...kept.values()].find(
        (view) => view.key === key && view.position === position && view.madeAt > oldest,
      );
      if (fresh !== undefined) return use(fresh);
      const same = `${position} ${key}`;
      const running = making.get(same) ?? makeInTurn(store, query, key);
      making.set(same, running);
      try {
        const view = await running;
        signal.throwIfAborted();
        return use(view);
      } finally {
        making.delete(same);
      }
    },
  };
}

async function make(store: Outlined, query: ViewQuery, key: string): Promise<KeptView> {
  const rows: OutlineRow[] = [];
  const position = store.position();
  let truncated = false;
  const [label, ...others] = query.labels;
  const matches = await idsWithAll(store, others);
  for await (const row of walk(store, query.namePrefix, label)) {
    if (!isShown(row, query) || matches?.has(row.id) === false) continue;
    truncated = rows.length >= maxIds;
    if (truncated) break;
    rows.push(row);
  }
  const isWalkOrder = query.sort === "created" && query.namePrefix === "";
  if (!isWalkOrder) rows.sort(orderBy(query.sort));
  // The walk begins with the newest snapshot; all other orders begin with the smallest value.
  if (isWalkOrder !== query.descending) rows.reverse();
  const token = randomBytes(9).toString("base64url");
  const ids = rows.map(({ id }) => id);
  return { key, token, ids, truncated, position, madeAt: performance.now() };
}

async function* walk(
  store: Outlined,
  namePrefix: string,
  label: readonly [string, string] | undefined,
): AsyncGenerator<OutlineRow> {
  let after: OutlineRow | undefined;
  do {
    const where = { namePrefix, ...(label === undefined ? {} : { label }) };
    const { rows, next } = store.outline({ ...where, after, limit: rowsPerTurn });
    yield* rows;
    after = next;
    await setImmediate();
  } while (after !== undefined);
}

/** Returns the ids of the snapshots that have all of the labels. Undefined if `labels` is empty. */
async function idsWithAll(
  store: Outlined,
  labels: ViewQuery["labels"],
): Promise<ReadonlySet<string> | undefined> {
  let common: Set<string> | undefined;
  for (const label of labels) {
    const ids = new Set<string>();
    for await (const { id } of walk(store, "", label)) {
      if (common === undefined || common.has(id)) ids.add(id);
    }
    common = ids;
  }
  return common;
}

function isShown({ id, name, corrupt }: OutlineRow, { words, onlyDamaged }: ViewQuery): boolean {
  if (onlyDamaged && !corrupt) return false;
  if (words.length === 0) return true;
  const text = name.toLowerCase();
  return words.every((word) => text.includes(word) || id.startsWith(word));
}

function orderBy(sort: Sort): (a: OutlineRow, b: OutlineRow) => number {
  switch (sort) {
    case "name":
      return (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    case "size":
      return (a, b) => a.sizeBytes - b.sizeBytes;
    case "charged":
      return (a, b) => a.chargedBytes - b.chargedBytes;
    case "accessed":
      return (a, b) => a.lastAccessedAtMs - b.lastAccessedAtMs;
    case "created":
      return (a, b) => a.createdAtMs - b.createdAtMs;
  }
}

/** Parses the query of a view. Throws FIELD_INVALID for an invalid value. */
export function viewQueryOf(query: URLSearchParams, confinedTo: string): ViewQuery {
  const sort = sorts.find((known) => known === (query.get("sort") ?? "created"));
  if (sort === undefined) throw fieldInvalid("sort", sorts.join(", "), query.get("sort"));
  const order = query.get("order") ?? (sort === "name" ? "asc" : "desc");
  if (order !== "asc" && order !== "desc") throw fieldInvalid("order", "asc or desc", order);
  const labels = query.getAll("label").map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw fieldInvalid("label", "KEY=VALUE", text);
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  if (labels.length > maxLabels) throw fieldInvalid("label", `at most ${maxLabels}`, labels.length);
  return {
    confinedTo,
    namePrefix: query.get("prefix") ?? "",
    words: (query.get("text") ?? "").toLowerCase().split(/\s+/).filter(Boolean).slice(0, maxWords),
    labels,
    onlyDamaged: query.get("damaged") === "1",
    sort,
    descending: order === "desc",
  };
}

const maxLabels = 8;
const maxWords = 8;
