// Tests pages, filters and page tokens.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Catalog, ListFilter } from "../../../src/catalog/open.js";
import { decodePageToken, encodePageToken } from "../../../src/catalog/page-token.js";
import { configOf, idOf, idsOf, startMs, store, throwsReason, withCatalog } from "./support.js";

function allPages(catalog: Catalog, pageSize: number, filter: ListFilter = {}): string[] {
  const ids: string[] = [];
  let pageToken = "";
  for (let page = 0; page < 1000; page++) {
    const result = catalog.list({ pageSize, pageToken, filter });
    assert(result.snapshots.length <= pageSize);
    ids.push(...idsOf(result.snapshots));
    if (result.nextPageToken === "") return ids;
    assert.equal(result.snapshots.length, pageSize);
    pageToken = result.nextPageToken;
  }
  throw new Error("the listing does not end");
}

test("the newest comes first, ids break ties, and every page size gives the same list", async () => {
  await withCatalog(({ catalog }) => {
    const stored: { id: string; at: number }[] = [];
    for (let n = 0; n < 23; n++) {
      const id = idOf(String((n * 7) % 23).padStart(3, "0"));
      const at = startMs - Math.floor(n / 4) * 1000;
      store(catalog, id, {}, { createdAtMs: at });
      stored.push({ id, at });
    }
    // Neither of these snapshots is ready.
    catalog.insertPending({
      id: idOf("p"),
      config: configOf(),
      createdAt: new Date(),
      kind: "create",
    });
    store(catalog, idOf("d"));
    catalog.markDeleting([idOf("d")]);
    stored.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
    const expected = stored.map(({ id }) => id);
    for (const pageSize of [1, 2, 5, 22, 23, 24, 1000]) {
      assert.deepEqual(allPages(catalog, pageSize), expected);
    }
    assert.equal(catalog.list({ pageSize: 3 }).totalSize, 23);
  });
});

test("an empty catalog has one empty page", async () => {
  await withCatalog(({ catalog }) => {
    const empty = { snapshots: [], nextPageToken: "", totalSize: 0 };
    assert.deepEqual(catalog.list({ pageSize: 50 }), empty);
    assert.deepEqual(catalog.list({ pageSize: 50, filter: { image: "x" } }), empty);
  });
});

test("filters work one by one and together, and the total counts the matching snapshots", async () => {
  await withCatalog(({ catalog }) => {
    const images = ["debian", "alpine", ""];
    for (let n = 0; n < 24; n++) {
      store(
        catalog,
        idOf(String(n).padStart(3, "0")),
        {
          name: n % 2 === 0 ? `web-${n}` : n % 3 === 0 ? `db-${n}` : "",
          image: images[n % 3] ?? "",
          imageDigest: `sha256:${n % 4}`,
          hypervisor: n < 12 ? "firecracker" : "cloud-hypervisor",
          labels: { parity: String(n % 2), third: String(n % 3), unique: String(n) },
        },
        { createdAtMs: startMs + n },
      );
      if (n % 5 === 0) catalog.update(idOf(String(n).padStart(3, "0")), { protected: true });
      if (n % 7 === 0) catalog.setCorrupt(idOf(String(n).padStart(3, "0")), true);
    }
    const numbers = [...Array(24).keys()].reverse();
    const cases: [ListFilter, (n: number) => boolean][] = [
      [{}, () => true],
      [{ namePrefix: "" }, () => true],
      [{ labels: {} }, () => true],
      [{ namePrefix: "web-" }, (n) => n % 2 === 0],
      [{ namePrefix: "web-2" }, (n) => [2, 20, 22].includes(n)],
      [{ namePrefix: "WEB" }, () => false],
      [{ namePrefix: "w%" }, () => false],
      [{ image: "debian" }, (n) => n % 3 === 0],
      [{ image: "" }, (n) => n % 3 === 2],
      [{ image: "debia" }, () => false],
      [{ imageDigest: "sha256:3" }, (n) => n % 4 === 3],
      [{ hypervisor: "firecracker" }, (n) => n < 12],
      [{ protected: true }, (n) => n % 5 === 0],
      [{ protected: false }, (n) => n % 5 !== 0],
      [{ corrupt: true }, (n) => n % 7 === 0],
      [{ corrupt: false }, (n) => n % 7 !== 0],
      [{ corrupt: true, namePrefix: "web-", labels: { third: "2" } }, (n) => n === 14],
      [{ labels: { parity: "1" } }, (n) => n % 2 === 1],
      [{ labels: { parity: "1", third: "2" } }, (n) => n % 6 === 5],
      [{ labels: { parity: "1", third: "2", unique: "5" } }, (n) => n === 5],
      [{ labels: { parity: "1", unique: "4" } }, () => false],
      [{ labels: { absent: "" } }, () => false],
      [{ createdAfter: new Date(startMs + 20) }, (n) => n >= 20],
      [{ createdBefore: new Date(startMs + 3) }, (n) => n < 3],
      [
        { createdAfter: new Date(startMs + 5), createdBefore: new Date(startMs + 7) },
        (n) => n === 5 || n === 6,
      ],
      [{ createdAfter: new Date(startMs + 7), createdBefore: new Date(startMs + 7) }, () => false],
      [
        {
          namePrefix: "web-",
          image: "debian",
          imageDigest: "sha256:2",
          hypervisor: "firecracker",
          protected: false,
          labels: { parity: "0", third: "0" },
          createdAfter: new Date(startMs),
          createdBefore: new Date(startMs + 24),
        },
        (n) => n === 6,
      ],
      [
        { namePrefix: "web-", protected: true, createdAfter: new Date(startMs + 1) },
        (n) => n === 10 || n === 20,
      ],
      [
        {
          labels: { parity: "0" },
          hypervisor: "firecracker",
          createdBefore: new Date(startMs + 5),
        },
        (n) => n < 5 && n % 2 === 0,
      ],
    ];
    for (const [filter, matches] of cases) {
      const expected = numbers.filter(matches).map((n) => idOf(String(n).padStart(3, "0")));
      const shown = JSON.stringify(filter);
      assert.deepEqual(allPages(catalog, 100, filter), expected, shown);
      assert.deepEqual(allPages(catalog, 2, filter), expected, shown);
      assert.equal(catalog.list({ pageSize: 1, filter }).totalSize, expected.length, shown);
    }
  });
});

test("a filter can have 64 labels", async () => {
  await withCatalog(({ catalog }) => {
    const labels = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`key${n}`, `v${n}`]));
    store(catalog, idOf("a"), { labels });
    store(catalog, idOf("b"), { labels: { ...labels, key63: "other" } });
    assert.deepEqual(idsOf(catalog.list({ pageSize: 5, filter: { labels } }).snapshots), [
      idOf("a"),
    ]);
  });
});

test("while pages are read, no snapshot occurs twice and no remaining snapshot is missed", async () => {
  await withCatalog(({ catalog }) => {
    const idAt = (n: number) => idOf(String(n).padStart(4, "0"));
    for (let n = 0; n < 60; n++) store(catalog, idAt(n), {}, { createdAtMs: startMs + n });
    const seen: string[] = [];
    const removed = new Set<string>();
    let pageToken = "";
    for (let page = 0; page < 100; page++) {
      const result = catalog.list({ pageSize: 7, pageToken });
      seen.push(...idsOf(result.snapshots));
      pageToken = result.nextPageToken;
      if (pageToken === "") break;
      // A newer snapshot is stored. The last listed snapshot and some of the remaining ones are
      // removed.
      store(catalog, idAt(1000 + page), {}, { createdAtMs: startMs + 1000 + page });
      for (const id of [seen.at(-1) ?? "", idAt(page * 2)]) {
        if (catalog.get(id)?.state !== "ready") continue;
        catalog.markDeleting([id]);
        removed.add(id);
      }
    }
    assert.equal(new Set(seen).size, seen.length);
    assert.deepEqual(seen, [...seen].sort().reverse());
    for (let n = 0; n < 60; n++) {
      assert(seen.includes(idAt(n)) || removed.has(idAt(n)), `${idAt(n)} was missed`);
    }
  });
});

test("a page token is refused if it is damaged or belongs to another filter", async () => {
  await withCatalog(({ catalog }) => {
    for (let n = 0; n < 3; n++) store(catalog, idOf(n + 100), { labels: { a: "1", b: "2" } });
    const filter = { labels: { a: "1", b: "2" }, createdAfter: new Date(0) };
    const pageToken = catalog.list({ pageSize: 1, filter }).nextPageToken;
    // The order of labels and the page size do not matter.
    const same = { createdAfter: new Date(0), labels: { b: "2", a: "1" } };
    assert.equal(catalog.list({ pageSize: 2, pageToken, filter: same }).snapshots.length, 2);

    const otherFilters: ListFilter[] = [
      {},
      { labels: { a: "1" }, createdAfter: new Date(0) },
      { ...filter, createdAfter: new Date(1) },
      { ...filter, createdBefore: new Date(9e15 / 2) },
      { ...filter, protected: false },
      { ...filter, corrupt: false },
      { ...filter, image: "" },
    ];
    for (const other of otherFilters) {
      const error = throwsReason(
        () => catalog.list({ pageSize: 1, pageToken, filter: other }),
        "PAGE_TOKEN_INVALID",
      );
      assert.equal(error.fields[0]?.field, "pageToken");
    }
    const flipped =
      pageToken.slice(0, -3) + (pageToken.at(-3) === "A" ? "B" : "A") + pageToken.slice(-2);
    const bad = [
      "x",
      "====",
      pageToken.slice(0, -4),
      `${pageToken}AAAA`,
      flipped,
      "A".repeat(5000),
      "\0",
      " ",
      idOf(100),
    ];
    for (const token of bad) {
      throwsReason(
        () => catalog.list({ pageSize: 1, pageToken: token, filter }),
        "PAGE_TOKEN_INVALID",
      );
    }
  });
});

test("a page token encodes any id and time", () => {
  for (const cursor of [
    { createdAtMs: startMs, id: idOf("a") },
    { createdAtMs: -5, id: "foreign.id:with/é" },
    { createdAtMs: 0, id: "line\nbreak" },
  ]) {
    const token = encodePageToken(cursor, { image: "i" });
    assert.match(token, /^[A-Za-z0-9_-]+$/);
    assert.deepEqual(decodePageToken(token, { image: "i" }), cursor);
  }
});

test("a page has 1 to 1000 snapshots", async () => {
  await withCatalog(({ catalog }) => {
    for (const pageSize of [0, -1, 1.5, NaN, 1001]) {
      throwsReason(() => catalog.list({ pageSize }), "FIELD_INVALID");
    }
  });
});
