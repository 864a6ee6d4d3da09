// Tests that Update changes exactly the fields in its mask, also across a restart.
import assert from "node:assert/strict";
import { join } from "node:path";
import { failsWith } from "../../support/errors.js";
import { createFrom, makeSmallSource } from "../contents.js";
import type { StoreTest } from "../store-test.js";

export function changingBehaviours(storeTest: StoreTest): void {
  storeTest("update changes the requested fields", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const header = { name: "web", description: "first", labels: { a: "1", b: "2" } };
    const before = await createFrom(store, source, header);
    const described = await store.update("web", { description: "second" });
    assert.deepEqual(described, { ...before, description: "second" });
    const changes = { labels: { c: "3" }, protected: true };
    assert.deepEqual(await store.update(before.id, changes), { ...described, ...changes });
    const renamed = await store.update("web", { name: "api", description: "" });
    assert.deepEqual(renamed, { ...described, ...changes, name: "api", description: "" });
    await failsWith(store.inspect("web"), "SNAPSHOT_NOT_FOUND");
    await store.restart();
    assert.deepEqual(await store.inspect("api"), renamed);
    assert.deepEqual(await store.update("api", { name: "" }), { ...renamed, name: "" });
  });

  storeTest("update refuses invalid changes", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const web = await createFrom(store, source, { name: "web" });
    const api = await createFrom(store, source, { name: "api" });
    const taken = await failsWith(store.update("api", { name: "web" }), "SNAPSHOT_NAME_TAKEN");
    assert.equal(taken.metadata["snapshot_id"], web.id);
    await failsWith(store.update("api", { name: web.id }), "SNAPSHOT_NAME_TAKEN");
    await failsWith(store.update("api", { name: "no name" }), "FIELD_INVALID");
    await failsWith(store.update("api", { labels: { "no key": "x" } }), "FIELD_INVALID");
    await failsWith(store.update("api", { description: "x".repeat(5000) }), "FIELD_INVALID");
    await failsWith(store.update("api", {}), "FIELD_INVALID");
    await failsWith(store.update("nobody", { name: "x" }), "SNAPSHOT_NOT_FOUND");
    assert.deepEqual(await store.inspect("api"), api);
    assert.deepEqual(await store.update("api", { name: "api" }), api);
  });

  storeTest("an export contains the changes of update", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    await createFrom(store, source, { name: "web" });
    await store.update("web", { name: "api", description: "changed", labels: { k: "v" } });
    await using archive = await store.export("api");
    const copy = await store.import(archive.bytes, { name: "copy" });
    assert.equal(copy.description, "changed");
    assert.deepEqual(copy.labels, { k: "v" });
  });
}
