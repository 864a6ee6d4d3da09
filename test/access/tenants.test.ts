// Tests two tenants of one store: no call of one finds, changes or reveals the snapshots of the
// other.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  EventType,
  OnNameConflict,
  StoreError,
  type Client,
  type WatchResponse,
} from "../../src/client/index.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { collect, makeSmallSource, packDirectory } from "../store/contents.js";
import { startScene, type AccessScene } from "./callers.js";
import { firstAnswer, openCaller } from "./one-call.js";
import { methods, shortName } from "./served-methods.js";

interface Tenants {
  readonly scene: AccessScene;
  /**
   * The two clients are confined to `a/` and `b/`. They are operators, so only the prefix restricts
   * them.
   */
  readonly a: Client;
  readonly b: Client;
  readonly all: Client;
  readonly tar: Uint8Array;
  /** The ids of a/one and of b/one. The store has two more snapshots, which belong to no tenant. */
  readonly ids: { readonly a: string; readonly b: string };
}

async function startTenants(t: TestContext): Promise<Tenants> {
  const scene = await startScene(t);
  const as = (name: string, namePrefix: string): Client => {
    const token = scene.newToken({ name, role: "operator", namePrefix });
    return scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  };
  const [a, b, all] = [as("a", "a/"), as("b", "b/"), as("all", "")];
  const tar = await collect(packDirectory(await makeSmallSource(join(scene.scratch, "source"))));
  const ids = { a: await store(a, "a/one", tar), b: await store(b, "b/one", tar) };
  await store(all, "c/one", tar);
  await store(all, "", tar);
  return { scene, a, b, all, tar, ids };
}

async function store(client: Client, name: string, tar: Uint8Array): Promise<string> {
  const { snapshot } = await client.create({ config: { name } }, toStream(tar));
  return snapshot?.config?.id ?? "";
}

async function* toStream(piece: Uint8Array): AsyncGenerator<Uint8Array> {
  yield piece;
}

async function first<T>(messages: AsyncIterable<T>): Promise<T> {
  for await (const message of messages) return message;
  throw new Error("no message");
}

/** Holds one function per call with a ref. Each succeeds for the tenant's own snapshot. */
const refCalls: Readonly<Record<string, (client: Client, ref: string) => Promise<unknown>>> = {
  inspect: (client, ref) => client.inspect(ref),
  update: (client, ref) =>
    client.update({ ref, description: "x", updateMask: { paths: ["description"] } }),
  restore: async (client, ref) => (await client.restore(ref))[Symbol.asyncDispose](),
  export: async (client, ref) => (await client.export(ref))[Symbol.asyncDispose](),
  readFile: async (client, ref) =>
    first((await client.readFile({ ref, file: "state.json" })).parts),
  verify: (client, ref) => first(client.verify({ ref })),
  delete: (client, ref) => client.delete(ref),
};

for (const [name, call] of Object.entries(refCalls)) {
  test(`${name} finds the tenant's own snapshots by id, name and prefix, and no others`, async (t) => {
    const { a, b, all, ids } = await startTenants(t);
    const foreign = [ids.b, "b/one", ids.b.slice(0, 15), "c/one"];
    for (const ref of foreign) {
      const error = await failsWith(call(a, ref), "SNAPSHOT_NOT_FOUND");
      // The message and the keys of the metadata are the same as for an id that never existed.
      const never = await failsWith(call(a, "0".repeat(16)), "SNAPSHOT_NOT_FOUND");
      assert.equal(error.message.replace(ref, ""), never.message.replace("0".repeat(16), ""));
      assert.deepEqual(Object.keys(error.metadata), Object.keys(never.metadata));
    }
    await all.inspect(ids.b);
    if (name === "delete") return void (await call(a, ids.a));
    for (const ref of [ids.a, "a/one", ids.a.slice(0, 15)]) await call(a, ref);
    await call(b, "b/one");
  });
}

test("a tenant can read only its own snapshots by digest, even if others have the digest", async (t) => {
  const { a, b, all, tar, ids } = await startTenants(t);
  const { digest = "" } = (await all.inspect(ids.a)).snapshot ?? {};
  for (let index = 0; index < 40; index += 1) await store(b, `b/${index}`, tar);
  const read = async (client: Client) =>
    (await client.readFile({ digest, file: "state.json" })).header;
  assert.equal((await read(a)).snapshotId, ids.a);
  await all.delete(ids.a);
  const never = `sha256:${"0".repeat(64)}`;
  const gone = await failsWith(read(a), "SNAPSHOT_NOT_FOUND");
  const unknown = await failsWith(a.readFile({ digest: never, file: "x" }), "SNAPSHOT_NOT_FOUND");
  assert.equal(gone.message.replace(digest, ""), unknown.message.replace(never, ""));
  assert.notEqual((await read(b)).snapshotId, "");
});

test("delete is atomic, and reveals no snapshots of other tenants", async (t) => {
  const { a, all, ids } = await startTenants(t);
  await failsWith(a.delete({ refs: [ids.a, ids.b] }), "SNAPSHOT_NOT_FOUND");
  const { deletedIds } = await a.delete({ refs: [ids.a, ids.b, "b/one"], allowMissing: true });
  assert.deepEqual(deletedIds, [ids.a]);
  await all.inspect(ids.b);
});

test("list returns only the tenant's own snapshots, for any filter", async (t) => {
  const { a, all } = await startTenants(t);
  const names = async (namePrefix: string) => {
    const page = await a.list({ filter: { namePrefix } });
    const found = page.snapshots.map(({ config }) => config?.name);
    assert.equal(page.totalSize, BigInt(found.length));
    return found;
  };
  assert.deepEqual(await names(""), ["a/one"]);
  assert.deepEqual(await names("a"), ["a/one"]);
  assert.deepEqual(await names("a/o"), ["a/one"]);
  assert.deepEqual(await names("a/x"), []);
  assert.deepEqual(await names("b/"), []);
  assert.equal((await all.list()).totalSize, 4n);
  const { nextPageToken } = await all.list({ pageSize: 1 });
  await failsWith(a.list({ pageSize: 1, pageToken: nextPageToken }), "PAGE_TOKEN_INVALID");
});

test("new names begin with the prefix, also those of imports and renames", async (t) => {
  const { a, b, all, tar } = await startTenants(t);
  for (const name of ["b/two", "two", ""]) await failsWith(store(a, name, tar), "FIELD_INVALID");
  for (const name of ["b/two", "two", ""]) {
    const update = { ref: "a/one", name, updateMask: { paths: ["name"] } };
    await failsWith(a.update(update), "FIELD_INVALID");
  }
  const archive = await collect((await b.export("b/one")).bytes);
  // The import reads the name from the archive.
  await b.delete("b/one");
  await failsWith(a.import({}, toStream(archive)), "FIELD_INVALID");
  await failsWith(a.import({ name: "b/two" }, toStream(archive)), "FIELD_INVALID");
  await b.import({}, toStream(archive));
  await a.import({ name: "a/two" }, toStream(archive));
  const names = (await all.list()).snapshots.map(({ config }) => config?.name).sort();
  assert.deepEqual(names, ["", "a/one", "a/two", "b/one", "c/one"]);
});

test("a tenant's name neither conflicts with others nor reveals them", async (t) => {
  const { a, all, tar, ids } = await startTenants(t);
  const header = { config: { name: "b/one" }, onNameConflict: OnNameConflict.REPLACE };
  const error = await failsWith(a.create(header, toStream(tar)), "FIELD_INVALID");
  assert.ok(!JSON.stringify([error.message, error.metadata]).includes(ids.b));
  assert.equal((await all.inspect("b/one")).snapshot?.config?.id, ids.b);
  const taking = { config: { name: "a/one" }, onNameConflict: OnNameConflict.TAKE_NAME };
  const { fields } = await failsWith(a.create(taking, toStream(tar)), "FIELD_INVALID");
  assert.equal(fields[0]?.field, "header.on_name_conflict");
  assert.equal((await a.inspect("a/one")).snapshot?.config?.id, ids.a);
  const own = { config: { name: "a/one" }, onNameConflict: OnNameConflict.REPLACE };
  await a.create(own, toStream(tar));
  await failsWith(a.inspect(ids.a), "SNAPSHOT_NOT_FOUND");
});

test("a request id belongs to its tenant: others neither collide with it nor discover it", async (t) => {
  const { a, b, all, tar } = await startTenants(t);
  const requestId = randomUUID();
  const madeOf = async (client: Client, name: string): Promise<string> => {
    const { snapshot } = await client.create({ config: { name }, requestId }, toStream(tar));
    return snapshot?.config?.id ?? "";
  };
  const clients = { "b/two": b, "a/two": a, two: all };
  const made = new Map<string, string>();
  for (const [name, client] of Object.entries(clients)) made.set(name, await madeOf(client, name));
  assert.equal(new Set(made.values()).size, 3);
  for (const [name, client] of Object.entries(clients)) {
    assert.equal(await madeOf(client, name), made.get(name), "a retry gives the first outcome");
    const { metadata } = await failsWith(madeOf(client, `${name}-other`), "REQUEST_ID_REUSED");
    assert.deepEqual(metadata, { request_id: requestId });
  }
});

test("the request id of a running import belongs to its tenant, too", async (t) => {
  const { scene, a, b, all } = await startTenants(t);
  const requestId = randomUUID();
  const archive = await collect((await all.export("b/one")).bytes);
  const name = (prefix: string) => ({ requestId, name: `${prefix}imported` });
  let finish = (): void => undefined;
  const gate = new Promise<void>((resolve) => (finish = resolve));
  async function* slowly(): AsyncGenerator<Uint8Array> {
    // The envelope is longer than these bytes, so the daemon does not know the name yet.
    yield archive.subarray(0, 600);
    await gate;
    yield archive.subarray(600);
  }
  const running = a.import({ requestId }, slowly());
  const staging = join(scene.root, "staging");
  await eventually("the import runs", async () => (await readdir(staging)).length > 0);
  await failsWith(a.import({ requestId }, toStream(archive)), "OPERATION_IN_PROGRESS");
  await b.import(name("b/"), toStream(archive));
  await all.import(name(""), toStream(archive));
  finish();
  // The name begins with b/, which is outside the prefix.
  await failsWith(running, "FIELD_INVALID");
});

/** Returns every text in a message or an error, at any depth. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return [];
  const own = value instanceof Error ? [value.message] : [];
  return [...own, ...Object.values(value).flatMap(textsOf)];
}

test("a tenant sees no path of the node in answers, events, errors and damage reports", async (t) => {
  const { scene, a, all, tar, ids } = await startTenants(t);
  const seen: unknown[] = [];
  const watching = new AbortController();
  const events = (async () => {
    for await (const event of a.watch({}, { signal: watching.signal })) seen.push(event);
  })().catch(() => undefined);
  seen.push(await a.create({ config: { name: "a/two" } }, toStream(tar)));
  seen.push(await a.list(), await a.inspect(ids.a), await a.getInfo());
  const mask = { paths: ["description"] };
  seen.push(await a.update({ ref: ids.a, description: "x", updateMask: mask }));
  {
    await using download = await a.restore("a/one");
    seen.push(download.header);
    const archive = await collect((await a.export("a/one")).bytes);
    seen.push(await a.import({ name: "a/three" }, toStream(archive)));
  }
  await rename(join(scene.root, "data", ids.a), join(scene.root, "data", "elsewhere"));
  const refused = await failsWith(a.restore("a/one"), "STORED_DATA_CORRUPT");
  assert.match(JSON.stringify(refused.metadata), /"directory":"<root>/, "a path that is concealed");
  seen.push(refused, { ...refused });
  try {
    for await (const { event } of a.verify({ ref: "a/one" })) seen.push(event.value);
  } catch (error) {
    seen.push(error);
  }
  await eventually("the events", () => Promise.resolve(seen.length > 15 || undefined));
  watching.abort();
  await events;
  const leaks = seen.flatMap(textsOf).filter((text) => text.includes(scene.root));
  assert.deepEqual(leaks, []);
  const { snapshot } = await all.inspect("b/one");
  assert.equal(snapshot?.dataDir, join(scene.root, "data", ids.b, "files"), "others see it");
});

test("verify without a ref reads the tenant's own snapshots", async (t) => {
  const { a, ids } = await startTenants(t);
  const seen = new Set<string>();
  for await (const { event } of a.verify({})) {
    if (event.case === "verdict") seen.add(event.value.snapshotId);
  }
  assert.deepEqual([...seen], [ids.a]);
});

test("collections plan and evict the tenant's own snapshots, and find no leftovers", async (t) => {
  const { a, all } = await startTenants(t);
  assert.deepEqual((await a.collectGarbage({ dryRun: true })).candidates, []);
  const { candidates } = await a.collectGarbage({ policy: { evictAll: true } });
  assert.deepEqual(
    candidates.map(({ name }) => name),
    ["a/one"],
  );
  const left = (await all.list()).snapshots.map(({ config }) => config?.name).sort();
  assert.deepEqual(left, ["", "b/one", "c/one"]);
  await failsWith(a.beginGc({ owner: "a" }), "ROLE_INSUFFICIENT");
});

/**
 * Lists the calls that a tenant may make. A test of this file tries each; `refCalls` contains those
 * with a ref.
 */
const ownCalls: readonly string[] = [
  ...Object.keys(refCalls).map((name) => `SnapshotService/${name.replace(/^./, toUpper)}`),
  ...["Create", "Import", "List", "Watch"].map((name) => `SnapshotService/${name}`),
  ...["GcService/CollectGarbage", "SystemService/GetInfo"],
];

function toUpper(letter: string): string {
  return letter.toUpperCase();
}

test("each method is either tried here by one tenant against the other, or refused to tenants", async (t) => {
  const { scene } = await startTenants(t);
  const token = scene.newToken({ name: "t", role: "operator", namePrefix: "a/" });
  const caller = openCaller({ address: scene.address });
  t.after(() => caller.close());
  const letIn: string[] = [];
  for (const method of methods) {
    const answer = await firstAnswer(caller, method, token);
    if (answer !== "ROLE_INSUFFICIENT") letIn.push(shortName(method));
  }
  assert.deepEqual(letIn.sort(), [...ownCalls].sort());
});

test("calls beyond the prefix are refused: directories of the node, peers", async (t) => {
  const { a, scene, ids } = await startTenants(t);
  const directory = join(scene.root, "data", ids.b, "files");
  const config = { name: "a/stolen" };
  const refused = [
    a.createFromDirectory({ directory, config }),
    a.createDeltaFromDirectory({ directory, config, parent: "a/one" }),
    a.importFromDirectory({ directory }),
    a.exportToDirectory({ ref: "a/one", directory: join(scene.scratch, "out") }),
    a.takeToDirectory({ ref: "a/one", directory: join(scene.scratch, "taken") }),
    a.openDataDirectory("a/one"),
    first(a.pull({})),
    first(a.push({})),
    first(a.getManifest({})),
    first(a.readTable({})),
    first(a.readBlocks({})),
  ];
  for (const call of refused) await failsWith(call, "ROLE_INSUFFICIENT");
});

test("info reveals nothing about other tenants", async (t) => {
  const { a, all } = await startTenants(t);
  assert.equal((await all.getInfo()).usage?.snapshotCount, 4n);
  const own = await a.getInfo();
  assert.equal(own.usage, undefined);
  assert.equal(own.root, "");
});

test("watch reports only the tenant's snapshots; renames across prefixes are creations or deletions", async (t) => {
  const { a, b, all, tar, ids } = await startTenants(t);
  const hangUp = new AbortController();
  t.after(() => hangUp.abort());
  const events = a.watch({ filter: {} }, { signal: hangUp.signal })[Symbol.asyncIterator]();
  const next = async (): Promise<WatchResponse> => {
    const { value } = (await events.next()) as { value: WatchResponse };
    return value;
  };
  assert.equal((await next()).type, EventType.POSITION);
  await store(b, "b/two", tar);
  const rename = (ref: string, name: string) =>
    all.update({ ref, name, updateMask: { paths: ["name"] } });
  await rename(ids.b, "b/three");
  await rename(ids.b, "a/from-b");
  await rename(ids.a, "b/from-a");
  await store(a, "a/two", tar);
  const said = [await next(), await next(), await next()].map((event) => [
    event.type,
    event.snapshot?.config?.name,
    event.previousName,
  ]);
  assert.deepEqual(said, [
    [EventType.CREATED, "a/from-b", ""],
    [EventType.DELETED, "a/one", ""],
    [EventType.CREATED, "a/two", ""],
  ]);
});

test("a rename to another tenant does not reveal that tenant's changes", async (t) => {
  const { a, all, ids } = await startTenants(t);
  const hangUp = new AbortController();
  t.after(() => hangUp.abort());
  const events = a.watch({}, { signal: hangUp.signal })[Symbol.asyncIterator]();
  await events.next();
  await all.update({
    ref: ids.a,
    ...{ name: "b/from-a", description: "of b", labels: { owner: "b" } },
    updateMask: { paths: ["name", "description", "labels"] },
  });
  const { value } = (await events.next()) as { value: WatchResponse };
  assert.equal(value.type, EventType.DELETED);
  const { name, description, labels } = value.snapshot?.config ?? {};
  assert.deepEqual({ name, description, labels }, { name: "a/one", description: "", labels: {} });
});

test("watch with a filter for others' names reports nothing, not even the tenant's own snapshots", async (t) => {
  const { a, b, tar } = await startTenants(t);
  const hangUp = new AbortController();
  t.after(() => hangUp.abort());
  const watch = (namePrefix: string) =>
    a.watch({ filter: { namePrefix } }, { signal: hangUp.signal })[Symbol.asyncIterator]();
  const [others, own] = [watch("b/"), watch("a/t")];
  const positions = [await others.next(), await own.next()];
  assert.ok(positions.every(({ value }) => value?.type === EventType.POSITION));
  let heard = false;
  const silence = others.next().then(
    () => (heard = true),
    () => undefined,
  );
  await store(b, "b/two", tar);
  await store(a, "a/two", tar);
  const { value } = (await own.next()) as { value: WatchResponse };
  assert.equal(value.snapshot?.config?.name, "a/two");
  hangUp.abort();
  await silence;
  assert.equal(heard, false);
});

test("an ambiguous prefix of an id counts and names only the tenant's own snapshots", async (t) => {
  const { a, all, tar } = await startTenants(t);
  const byStart = new Map<string, string[]>();
  // A ref needs at least three characters of an id.
  for (let n = 0; n < 8; n++) await store(a, `a/${n}`, tar);
  for await (const { config } of all.listAll()) {
    const start = config?.id.slice(0, 3) ?? "";
    byStart.set(start, [...(byStart.get(start) ?? []), config?.name ?? ""]);
  }
  for (const [start, names] of byStart) {
    const own = names.filter((name) => name.startsWith("a/"));
    const outcome = await a.inspect(start).then(
      ({ snapshot }) => snapshot?.config?.name,
      (error: unknown) => (error instanceof StoreError ? error.reason : "?"),
    );
    const [only = "SNAPSHOT_NOT_FOUND", more] = own;
    assert.equal(outcome, more === undefined ? only : "AMBIGUOUS_REF");
  }
});
