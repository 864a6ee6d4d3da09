// Applies random operations to a catalog and to a simple model of its visible state, and compares
// the two.
import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "node:test";
import { isStoreError } from "../../../src/base/errors.js";
import type { Catalog } from "../../../src/catalog/open.js";
import { catalogBytes } from "../../../src/model/charge.js";
import type { SnapshotState } from "../../../src/model/snapshot.js";
import { configOf, fileOf, idOf, idsOf, startMs, withCatalog } from "./support.js";

interface Entry {
  readonly id: string;
  state: SnapshotState;
  name: string;
  label: string;
  blob: string;
  createdAtMs: number;
  sizeBytes: number;
  /** The name whose quota is charged. If the snapshot was replaced, this is its previous name. */
  chargedName: string;
  chargedBytes: number;
}

function metadataBytes({ id, name, label, blob }: Entry): number {
  return catalogBytes(configOf({ id, name, labels: { color: label }, imageBlobIds: [blob] }), []);
}

type Model = Map<string, Entry>;

interface Step {
  /** Applies the operation to both. Each outcome is a reason, or "ok" with the result, if any. */
  run(catalog: Catalog, model: Model): { actual: string; expected: string };
}

const ids = Array.from({ length: 8 }, (_, n) => idOf(`ab${n % 2}${n}`));
const anyId = fc.constantFrom(...ids);
// One of the names equals an id.
const anyName = fc.constantFrom("", "n1", "n2", "n1x", ids[0] ?? "");
const anyLabel = fc.constantFrom("red", "blue");
const anyBlob = fc.constantFrom("blob-1", "blob-2", "blob-3");
const anyTime = fc.integer({ min: startMs, max: startMs + 3 });

function attempt(work: () => unknown): string {
  try {
    const result = work();
    return result === undefined ? "ok" : `ok ${JSON.stringify(result)}`;
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return error.reason;
  }
}

function named(model: Model, name: string, state: SnapshotState): Entry | undefined {
  return [...model.values()].find((entry) => entry.state === state && entry.name === name);
}

function nameProblem(model: Model, name: string, taker: string, replace: boolean) {
  if (name === "") return undefined;
  if (name !== taker && model.has(name)) return "SNAPSHOT_NAME_TAKEN";
  const pending = named(model, name, "pending");
  if (pending !== undefined && pending.id !== taker) {
    return replace ? "OPERATION_IN_PROGRESS" : "SNAPSHOT_NAME_TAKEN";
  }
  const ready = named(model, name, "ready");
  return !replace && ready !== undefined && ready.id !== taker ? "SNAPSHOT_NAME_TAKEN" : undefined;
}

function idProblem(model: Model, id: string): string | undefined {
  const clash = model.has(id) || named(model, id, "ready") || named(model, id, "pending");
  return clash ? "SNAPSHOT_ID_TAKEN" : undefined;
}

const insertPending = fc
  .record({ id: anyId, name: anyName, label: anyLabel, blob: anyBlob, replace: fc.boolean() })
  .map(({ id, name, label, blob, replace }): Step => ({
    run: (catalog, model) => {
      const config = configOf({ name, labels: { color: label }, imageBlobIds: [blob] });
      const createdAt = new Date(startMs);
      const actual = attempt(() => {
        catalog.insertPending({ id, config, createdAt, kind: "create", replace });
      });
      const expected = idProblem(model, id) ?? nameProblem(model, name, id, replace) ?? "ok";
      if (expected === "ok") {
        model.set(id, {
          id,
          state: "pending",
          name,
          label,
          blob,
          createdAtMs: startMs,
          sizeBytes: 0,
          chargedName: "",
          chargedBytes: 0,
        });
      }
      return { actual, expected };
    },
  }));

const markReady = fc
  .record({ id: anyId, time: anyTime, replace: fc.boolean(), keep: fc.boolean(), size: fc.nat(9) })
  .map(({ id, time, replace, keep, size }): Step => ({
    run: (catalog, model) => {
      const entry = model.get(id);
      const name = entry?.name ?? "";
      const config = configOf({
        name,
        labels: { color: entry?.label ?? "" },
        imageBlobIds: [entry?.blob ?? "none"],
      });
      const actual = attempt(
        () =>
          catalog.markReady(id, {
            config,
            createdAt: new Date(time),
            files: [fileOf("f", size * 2)],
            digest: "d",
            chargedBytes: 100_000 + size,
            replace,
            keepReplaced: () => keep,
          }).replaced,
      );
      const problem =
        nameProblem(model, name, id, replace) ??
        (entry?.state === "pending" ? undefined : "SNAPSHOT_NOT_FOUND");
      if (problem !== undefined || entry === undefined) return { actual, expected: problem ?? "" };
      const holder = replace && name !== "" ? named(model, name, "ready") : undefined;
      const charge = { chargedName: name, chargedBytes: 100_000 + size };
      Object.assign(entry, { state: "ready", createdAtMs: time, sizeBytes: size * 2, ...charge });
      if (holder === undefined) return { actual, expected: "ok" };
      holder.state = keep ? "replaced" : "deleting";
      if (keep) holder.name = "";
      const expected = `ok ${JSON.stringify({ id: holder.id, state: holder.state })}`;
      return { actual, expected };
    },
  }));

const rename = fc
  .record({ id: anyId, name: anyName, label: anyLabel })
  .map(({ id, name, label }): Step => ({
    run: (catalog, model) => {
      const actual = attempt(() => {
        catalog.update(id, { name, labels: { color: label } });
      });
      const entry = model.get(id);
      if (entry?.state !== "ready") return { actual, expected: "SNAPSHOT_NOT_FOUND" };
      const problem = name === entry.name ? undefined : nameProblem(model, name, id, false);
      if (problem !== undefined) return { actual, expected: problem };
      entry.chargedBytes -= metadataBytes(entry);
      Object.assign(entry, { name, label, chargedName: name });
      entry.chargedBytes += metadataBytes(entry);
      return { actual, expected: "ok" };
    },
  }));

const remove = fc.uniqueArray(anyId, { minLength: 1, maxLength: 2 }).map((chosen): Step => ({
  run: (catalog, model) => {
    const actual = attempt(() => {
      catalog.markDeleting(chosen);
    });
    const entries = chosen.map((id) => model.get(id));
    const wrong = entries.some(
      (entry) => entry === undefined || !["ready", "lost", "replaced"].includes(entry.state),
    );
    if (wrong) return { actual, expected: "SNAPSHOT_NOT_FOUND" };
    for (const entry of entries) if (entry) entry.state = "deleting";
    return { actual, expected: "ok" };
  },
}));

const dropOrLose = fc
  .record({ id: anyId, what: fc.constantFrom("drop", "abandon", "lose") })
  .map(({ id, what }): Step => ({
    run: (catalog, model) => {
      const entry = model.get(id);
      if (what === "drop") {
        if (entry?.state === "deleting") model.delete(id);
        else return { actual: "ok", expected: "ok" };
        return {
          actual: attempt(() => {
            catalog.removeRow(id);
          }),
          expected: "ok",
        };
      }
      if (what === "abandon") {
        if (entry?.state === "pending") model.delete(id);
        return {
          actual: attempt(() => {
            catalog.abandonPending(id);
          }),
          expected: "ok",
        };
      }
      const actual = attempt(() => {
        catalog.markLost(id);
      });
      if (entry?.state !== "ready" && entry?.state !== "replaced") {
        return { actual, expected: "SNAPSHOT_NOT_FOUND" };
      }
      entry.state = "lost";
      entry.chargedBytes = 0;
      return { actual, expected: "ok" };
    },
  }));

function newestFirst(entries: readonly Entry[]): string[] {
  const sorted = [...entries].sort(
    (a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1),
  );
  return sorted.map(({ id }) => id);
}

function resolveInModel(ready: readonly Entry[], ref: string): string {
  const exact = ready.find(({ id }) => id === ref) ?? ready.find(({ name }) => name === ref);
  if (exact !== undefined) return exact.id;
  const matches = ready.filter(({ id }) => id.startsWith(ref));
  if (matches.length > 1) return "AMBIGUOUS_REF";
  return matches[0]?.id ?? "SNAPSHOT_NOT_FOUND";
}

function compare(catalog: Catalog, model: Model): void {
  const entries = [...model.values()];
  const ready = entries.filter(({ state }) => state === "ready");
  assert.deepEqual(catalog.allIds(), entries.map(({ id }) => id).sort());
  assert.equal(catalog.totals().count, ready.length);
  assert.equal(
    catalog.totals().sizeBytes,
    ready.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  const charged = (some: readonly Entry[]): number =>
    some.reduce((sum, { chargedBytes }) => sum + chargedBytes, 0);
  assert.equal(catalog.totals().chargedBytes, charged(entries));
  for (const prefix of ["", "n", "n1", "n2", "nobody"]) {
    const named = entries.filter(({ chargedName }) => chargedName.startsWith(prefix));
    const held = named.filter(({ state }) => state === "replaced" || state === "deleting");
    assert.equal(catalog.chargedBytesNamed(prefix), charged(named), `charged to ${prefix}`);
    assert.equal(catalog.heldBytes(prefix), charged(held), `held by ${prefix}`);
  }
  const filters = [
    { filter: {}, matches: () => true },
    { filter: { labels: { color: "red" } }, matches: ({ label }: Entry) => label === "red" },
    { filter: { namePrefix: "n1" }, matches: ({ name }: Entry) => name.startsWith("n1") },
  ];
  for (const { filter, matches } of filters) {
    const page = catalog.list({ pageSize: 100, filter });
    const expected = newestFirst(ready.filter(matches));
    assert.deepEqual(idsOf(page.snapshots), expected);
    assert.equal(page.totalSize, expected.length);
  }
  const pinning = entries.filter(({ state }) => ["ready", "pending", "replaced"].includes(state));
  assert.deepEqual(
    catalog.listPinnedBlobs("", 10),
    [...new Set(pinning.map(({ blob }) => blob))].sort(),
  );
  for (const ref of [...ids, "n1", "n2", "n1x", "ab0", "ab1", "ab04"]) {
    const resolved = attempt(() => catalog.resolveRef(ref).config.id).replace(/^ok "(.*)"$/, "$1");
    assert.equal(resolved, resolveInModel(ready, ref), `ref ${ref}`);
  }
}

/** Applies all events to the known snapshots and their names, as a watcher does. */
function followEvents(catalog: Catalog, known: Map<string, string>, after: number): number {
  const { events, missed } = catalog.eventsAfter(after, 100);
  assert.equal(missed, false);
  for (const { type, snapshot } of events) {
    const { id, name } = snapshot.config;
    if (["deleted", "evicted", "taken", "lost"].includes(type)) known.delete(id);
    else known.set(id, name);
  }
  const listed = catalog.list({ pageSize: 100 }).snapshots;
  const entries = listed.map(({ config }): [string, string] => [config.id, config.name]);
  assert.deepEqual([...known].sort(), entries.sort());
  return catalog.eventPosition().sequence;
}

test("the catalog always equals a simple model", async () => {
  const anyStep = fc.oneof(
    { weight: 4, arbitrary: insertPending },
    { weight: 4, arbitrary: markReady },
    { weight: 2, arbitrary: rename },
    { weight: 2, arbitrary: remove },
    { weight: 2, arbitrary: dropOrLose },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 60 }), async (steps) => {
      await withCatalog(({ catalog, reopen }) => {
        const model: Model = new Map();
        const known = new Map<string, string>();
        let heard = 0;
        for (const step of steps) {
          const { actual, expected } = step.run(catalog, model);
          assert.equal(actual, expected);
          compare(catalog, model);
          heard = followEvents(catalog, known, heard);
        }
        compare(reopen(), model);
      });
    }),
    { numRuns: 60 },
  );
});
