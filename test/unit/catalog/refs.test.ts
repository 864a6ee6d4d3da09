// Tests the refs of callers: ids, names and prefixes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { idOf, store, throwsReason, withCatalog } from "./support.js";

test("an exact id takes precedence over a name, and a name over a prefix", async () => {
  await withCatalog(({ catalog }) => {
    const long = `${idOf("abc")}x`;
    store(catalog, idOf("abc"), { name: "first" });
    store(catalog, long, { name: "second" });
    store(catalog, idOf("abd"), { name: "abc0" });
    assert.equal(catalog.resolveRef(idOf("abc")).config.name, "first");
    assert.equal(catalog.resolveRef(long).config.name, "second");
    assert.equal(catalog.resolveRef("abc0").config.id, idOf("abd"));
    assert.equal(catalog.resolveRef("abd").config.id, idOf("abd"));
    assert.equal(catalog.resolveRef("first").files.length, 1);
  });
});

test("a missing snapshot is not found, and the hint says how to list snapshots", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("abc"), { name: "n" });
    for (const ref of ["", "nope", "abcd", "ABC", idOf("z"), "abc%", "ab_", "n ", "\0", "\ud800"]) {
      const error = throwsReason(() => catalog.resolveRef(ref), "SNAPSHOT_NOT_FOUND");
      assert(error.message.includes(JSON.stringify(ref)));
      assert.match(error.hint ?? "", /stasis ls/);
    }
    const tooLong = throwsReason(() => catalog.resolveRef("x".repeat(5000)), "SNAPSHOT_NOT_FOUND");
    assert(tooLong.message.length < 200);
    assert(tooLong.resource && tooLong.resource.name.length <= 128);
  });
});

test("a prefix that is too short finds nothing, and the hint gives the minimum length", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("abc"), { name: "q" });
    for (const ref of ["a", "ab"]) {
      const error = throwsReason(() => catalog.resolveRef(ref), "SNAPSHOT_NOT_FOUND");
      assert.match(error.hint ?? "", /3 characters or more/);
    }
    assert.equal(catalog.resolveRef("q").config.id, idOf("abc"));
  });
});

test("an ambiguous prefix lists up to ten candidates", async () => {
  await withCatalog(({ catalog }) => {
    const ids = Array.from({ length: 12 }, (_, n) => idOf(`abc${String(n).padStart(2, "0")}`));
    store(catalog, ids[1] ?? "");
    store(catalog, ids[0] ?? "", { name: "web" });
    const two = throwsReason(() => catalog.resolveRef("abc"), "AMBIGUOUS_REF");
    assert.equal(two.metadata["candidates"], `${ids[0]},${ids[1]}`);
    assert(two.message.endsWith(`${ids[0]} (web), ${ids[1]}`), two.message);
    for (const id of ids.slice(2)) store(catalog, id);
    const many = throwsReason(() => catalog.resolveRef("abc"), "AMBIGUOUS_REF");
    assert.equal(many.metadata["candidates"], ids.slice(0, 10).join(","));
    assert.match(many.message, / and more$/);
  });
});

test("only snapshots in the requested states are found, also by prefix", async () => {
  await withCatalog(({ catalog }) => {
    store(catalog, idOf("abc1"), { name: "n" });
    store(catalog, idOf("abc2"));
    catalog.markDeleting([idOf("abc1")]);
    assert.equal(catalog.resolveRef("abc").config.id, idOf("abc2"));
    throwsReason(() => catalog.resolveRef("n"), "SNAPSHOT_NOT_FOUND");
    throwsReason(() => catalog.resolveRef(idOf("abc1")), "SNAPSHOT_NOT_FOUND");
    const options = { states: ["ready", "deleting"] } as const;
    assert.equal(catalog.resolveRef("n", options).config.id, idOf("abc1"));
    throwsReason(() => catalog.resolveRef("abc", options), "AMBIGUOUS_REF");
    throwsReason(() => catalog.resolveRef("abc", { states: [] }), "SNAPSHOT_NOT_FOUND");
  });
});
