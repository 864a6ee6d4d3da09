// Shows the list of all snapshots. Only the visible rows are in the document, and only the pages
// around them are fetched, so that a list of a hundred thousand scrolls like one of ten.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { fetchJson } from "./api.js";
import { SnapshotDetail } from "./detail.js";
import { age, bytes, count, dateTime } from "./format.js";
import { go, useKeys, useMedia } from "./hooks.js";
import type { Page, Row } from "./model.js";
import { Empty, Failure } from "./parts.js";

const pageRows = 100;
const keptPages = 30;
const overscan = 8;
/** While a user scrolls fast, pages that are visible for less than this time are not fetched. */
const settleMs = 60;

const columns = [
  ["name", "Name"],
  ["", "Labels"],
  ["size", "Size"],
  ["charged", "On disk"],
  ["accessed", "Used"],
  ["created", "Created"],
] as const;

interface Order {
  readonly sort: string;
  readonly descending: boolean;
}

/**
 * Returns the query of a search. `key=value` selects a label, and `is:damaged` selects damaged
 * snapshots. All other words are searched for in names and ids.
 */
export function queryOf(search: string, { sort, descending }: Order): string {
  const query = new URLSearchParams({ sort, order: descending ? "desc" : "asc" });
  const words: string[] = [];
  for (const word of search.trim().split(/\s+/)) {
    if (/^[^=]+=/.test(word)) query.append("label", word);
    else if (word === "is:damaged") query.set("damaged", "1");
    else words.push(word);
  }
  if (words.join("") !== "") query.set("text", words.join(" "));
  return query.toString();
}

export function SnapshotsView(props: { readonly revision: number; readonly selected: string }) {
  const { revision, selected } = props;
  const [search, setSearch] = useState("");
  const [order, setOrder] = useState<Order>({ sort: "created", descending: true });
  const field = useRef<HTMLInputElement>(null);
  const query = queryOf(useSettled(search, 150), order);
  const list = usePages(query, revision);
  useKeys((key, event) => {
    if (key === "/") {
      event.preventDefault();
      field.current?.select();
    } else if (key === "Escape") {
      if (document.activeElement === field.current) field.current?.blur();
      else if (selected !== "") go("snapshots");
    }
  });
  const { total, truncated } = list;
  return (
    <div class={selected === "" ? "split" : "split open"}>
      <section class="list" aria-label="Snapshots">
        <div class="toolbar">
          <input
            ref={field}
            type="search"
            placeholder="Search names and ids, or label=value"
            aria-label="Search snapshots"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
          <span class="muted nowrap" role="status">
            {total === undefined ? "…" : `${count(total)} snapshot${total === 1 ? "" : "s"}`}
            {truncated && " (the first ones)"}
          </span>
        </div>
        <Failure error={list.error} />
        <Rows list={list} order={order} onOrder={setOrder} selected={selected} query={query} />
        {total === 0 && list.error === undefined && (
          <Empty>{search === "" ? "The store is empty." : "Nothing matches the search."}</Empty>
        )}
      </section>
      {selected !== "" && <SnapshotDetail id={selected} revision={revision} onLabel={setSearch} />}
    </div>
  );
}

interface Pages {
  readonly total: number | undefined;
  readonly truncated: boolean;
  readonly error: Error | undefined;
  row(index: number): Row | undefined;
  /** Sets the rows that are visible. */
  show(from: number, to: number): void;
}

/**
 * Returns the pages of one view. When `revision` changes, they are fetched again and replaced in
 * place.
 */
function usePages(query: string, revision: number): Pages {
  const [, setVersion] = useState(0);
  const state = useMemo(() => createPages(query, () => setVersion((n) => n + 1)), [query]);
  useEffect(() => () => state.close(), [state]);
  useEffect(() => state.refresh(), [state, revision]);
  return state;
}

function createPages(query: string, changed: () => void) {
  let pages = new Map<number, readonly Row[]>();
  let view = "";
  let sight: readonly [number, number] = [0, 30];
  let controller = new AbortController();
  const loading = new Set<number>();
  const state = {
    total: undefined as number | undefined,
    truncated: false,
    error: undefined as Error | undefined,
    row: (index: number): Row | undefined =>
      pages.get(Math.floor(index / pageRows))?.[index % pageRows],
    show(from: number, to: number): void {
      sight = [from, to];
      for (const page of wanted()) if (!pages.has(page)) void load(page);
    },
    /** Makes a new view. The old rows stay until the new rows have arrived. */
    refresh(): void {
      controller.abort();
      controller = new AbortController();
      loading.clear();
      view = "";
      void reload();
    },
    close: (): void => controller.abort(),
  };
  const wanted = (): number[] => {
    const first = Math.floor(sight[0] / pageRows);
    const last = Math.floor(Math.max(sight[0], sight[1] - 1) / pageRows);
    return Array.from({ length: Math.max(1, last - first + 1) }, (_, at) => first + at);
  };
  const reload = async (): Promise<void> => {
    const fresh = new Map<number, readonly Row[]>();
    for (const page of wanted()) if (!(await load(page, fresh))) return;
    pages = fresh;
    changed();
  };
  const load = async (page: number, into = pages): Promise<boolean> => {
    if (loading.has(page)) return true;
    loading.add(page);
    const { signal } = controller;
    try {
      const rows: Row[] = [];
      // A page that ends early has long labels, so its rest is fetched too.
      do {
        const offset = page * pageRows + rows.length;
        const where = `offset=${offset}&limit=${pageRows - rows.length}&view=${view}`;
        const got = await fetchJson<Page>(`snapshots?${query}&${where}`, signal);
        ({ view } = got);
        state.total = got.total;
        state.truncated = got.truncated;
        rows.push(...got.rows);
        if (got.rows.length === 0 || offset + got.rows.length >= got.total) break;
      } while (rows.length < pageRows);
      into.set(page, rows);
      if (into.size > keptPages) into.delete(farthest(into.keys(), page));
      state.error = undefined;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      state.error = error as Error;
      return false;
    } finally {
      loading.delete(page);
      if (!signal.aborted) changed();
    }
  };
  return state;
}

function farthest(keys: Iterable<number>, from: number): number {
  return [...keys].reduce((far, key) => (Math.abs(key - from) > Math.abs(far - from) ? key : far));
}

function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

function Rows(props: {
  readonly list: Pages;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
  readonly selected: string;
  readonly query: string;
}) {
  const { list, order, onOrder, selected, query } = props;
  const narrow = useMedia("(max-width: 640px)");
  const height = narrow ? 56 : 34;
  const frame = useRef<HTMLDivElement>(null);
  const [sight, setSight] = useState<readonly [number, number]>([0, 30]);
  const [at, setAt] = useState(0);
  const total = list.total ?? 0;
  const look = useCallback(() => {
    const box = frame.current;
    if (box === null) return;
    const first = Math.max(0, Math.floor(box.scrollTop / height) - overscan);
    const last = Math.ceil((box.scrollTop + box.clientHeight) / height) + overscan;
    setSight((before) => (before[0] === first && before[1] === last ? before : [first, last]));
  }, [height]);
  useLayoutEffect(look, [look, total, narrow]);
  useEffect(() => {
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, [look]);
  useEffect(() => {
    const timer = setTimeout(() => list.show(sight[0], Math.min(sight[1], total || 1)), settleMs);
    return () => clearTimeout(timer);
  }, [list, sight, total]);
  // Another search or order begins at the top of its list.
  useEffect(() => {
    frame.current?.scrollTo({ top: 0 });
    setAt(0);
  }, [query]);
  const move = (by: number): void => {
    const next = Math.min(Math.max(0, at + by), Math.max(0, total - 1));
    setAt(next);
    const box = frame.current;
    if (box === null) return;
    if (next * height < box.scrollTop) box.scrollTop = next * height;
    const below = (next + 1) * height - box.clientHeight;
    if (below > box.scrollTop) box.scrollTop = below;
  };
  useKeys((key, event) => {
    if (key === "j" || key === "ArrowDown") move(1);
    else if (key === "k" || key === "ArrowUp") move(-1);
    else if (key === "PageDown") move(20);
    else if (key === "PageUp") move(-20);
    else if (key === "Enter") {
      if ((event.target as HTMLElement).matches("a, button")) return;
      const row = list.row(at);
      if (row !== undefined && !("gone" in row)) go("snapshots", row.config.id);
      return;
    } else return;
    event.preventDefault();
  });
  const shown: number[] = [];
  for (let index = sight[0]; index < Math.min(sight[1], total); index += 1) shown.push(index);
  return (
    <div class="table" role="table" aria-rowcount={total + 1} aria-label="Snapshots">
      <div class="row head" role="row">
        {columns.map(([sort, title]) => (
          <Heading sort={sort} title={title} order={order} onOrder={onOrder} />
        ))}
      </div>
      <div class="rows" ref={frame} onScroll={look} tabIndex={0} role="rowgroup">
        <div class="spacer" style={{ height: `${total * height}px` }}>
          {shown.map((index) => (
            <RowLine
              key={index}
              index={index}
              height={height}
              row={list.row(index)}
              isAt={index === at}
              selected={selected}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

function Heading(props: {
  readonly sort: string;
  readonly title: string;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
}) {
  const { sort, title, order, onOrder } = props;
  const kind = `cell ${title.toLowerCase().replace(" ", "-")}`;
  if (sort === "") {
    return (
      <span class={kind} role="columnheader">
        {title}
      </span>
    );
  }
  const isOrder = order.sort === sort;
  const direction = order.descending ? "descending" : "ascending";
  const next = { sort, descending: isOrder ? !order.descending : sort !== "name" };
  return (
    <span class={kind} role="columnheader" aria-sort={isOrder ? direction : "none"}>
      <button type="button" onClick={() => onOrder(next)}>
        {title}
        <span aria-hidden="true">{isOrder ? (order.descending ? " ↓" : " ↑") : ""}</span>
      </button>
    </span>
  );
}

function RowLine(props: {
  readonly index: number;
  readonly height: number;
  readonly row: Row | undefined;
  readonly isAt: boolean;
  readonly selected: string;
}) {
  const { index, height, row, isAt, selected } = props;
  const style = { height: `${height}px`, transform: `translateY(${index * height}px)` };
  const place = { role: "row", "aria-rowindex": index + 2, style } as const;
  if (row === undefined) {
    return (
      <div class="row line" {...place}>
        <span class="cell name ghost" role="cell" />
      </div>
    );
  }
  if ("gone" in row) {
    return (
      <div class="row line gone" {...place}>
        <span class="cell name" role="cell">
          {row.id} is gone
        </span>
      </div>
    );
  }
  const { config } = row;
  const kind = `row line${isAt ? " at" : ""}${selected === config.id ? " selected" : ""}`;
  return (
    <div class={kind} {...place} onClick={() => go("snapshots", config.id)}>
      <span class="cell name" role="cell">
        <a href={`#/snapshots/${config.id}`} tabIndex={-1}>
          {config.name || config.id}
        </a>
        {row.corrupt && <span class="badge bad">damaged</span>}
        {row.protected && <span class="badge">protected</span>}
      </span>
      <span class="cell labels" role="cell">
        {Object.entries(config.labels)
          .slice(0, 4)
          .map(([key, value]) => (
            <span class="label">{`${key}=${value}`}</span>
          ))}
      </span>
      <span class="cell size" role="cell">
        {bytes(row.sizeBytes)}
      </span>
      <span class="cell on-disk" role="cell">
        {bytes(row.chargedBytes)}
      </span>
      <span class="cell used" role="cell" title={dateTime(row.lastAccessedAt)}>
        {age(row.lastAccessedAt)}
      </span>
      <span class="cell created" role="cell" title={dateTime(row.createdAt)}>
        {age(row.createdAt)}
      </span>
    </div>
  );
}
