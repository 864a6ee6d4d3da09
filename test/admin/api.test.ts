// Tests the JSON of the admin listener: what it shows of a real store, and to which callers. The
// listener changes nothing.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect } from "../../src/client/index.js";
import { changeTokenFile, makeToken } from "../../src/config/token-file.js";
import type { Identity } from "../../src/model/access.js";
import { makeSmallSource, packDirectory } from "../store/contents.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { eventually } from "../support/eventually.js";
import { get } from "../support/http.js";

interface Scene {
  readonly client: ReturnType<typeof connect>;
  create(name: string, labels?: Record<string, string>): Promise<string>;
  ask(path: string, token?: string): Promise<{ status: number; json: Record<string, unknown> }>;
  token(identity: Identity): string;
  readonly address: string;
  readonly root: string;
}

async function startApi(t: TestContext): Promise<Scene> {
  const scratch = await makeScratch(t, "stasis-api-");
  const tokens = join(scratch, "tokens.json");
  changeTokenFile(tokens, () => []);
  const { daemon, address, root } = await startTestDaemon(t, {
    tokens,
    "admin-listen": "127.0.0.1:0",
  });
  const client = connect(address);
  t.after(() => client.close());
  const source = await makeSmallSource(join(scratch, "source"));
  const token = (identity: Identity): string => {
    const made = makeToken({ ...identity, expiresAt: undefined }, new Date());
    changeTokenFile(tokens, (records) => [...records, made.record]);
    return made.token;
  };
  const operator = token({ name: "operator", role: "operator", namePrefix: "" });
  const admin = daemon.adminAddress ?? "";
  const headersOf = (shown: string) => ({ headers: { authorization: `Bearer ${shown}` } });
  const known = async (shown: string) => {
    const { status } = await get(admin, "/api/info", headersOf(shown));
    return status === 200;
  };
  await eventually("the token is known", () => known(operator));
  return {
    client,
    token,
    address: admin,
    root,
    create: async (name, labels = {}) => {
      const { snapshot } = await client.create({ config: { name, labels } }, packDirectory(source));
      return snapshot?.config?.id ?? "";
    },
    ask: async (path, shown = operator) => {
      await eventually("the token is known", () => known(shown));
      const { status, body } = await get(admin, `/api/${path}`, headersOf(shown));
      return { status, json: JSON.parse(body) as Record<string, unknown> };
    },
  };
}

type Rows = readonly { readonly config: { readonly name: string }; readonly gone?: boolean }[];

function namesOf({ json }: { readonly json: Record<string, unknown> }): string[] {
  return (json["rows"] as Rows).map((row) => (row.gone === true ? "gone" : row.config.name));
}

test("lists are searched, filtered, sorted and paged, and a view does not change between its pages", async (t) => {
  const { create, ask, client } = await startApi(t);
  for (const [index, name] of ["web-1", "web-2", "db-1"].entries()) {
    await create(name, { env: index === 1 ? "prod" : "dev", all: "yes" });
  }
  assert.deepEqual(namesOf(await ask("snapshots")), ["db-1", "web-2", "web-1"]);
  assert.deepEqual(namesOf(await ask("snapshots?order=asc")), ["web-1", "web-2", "db-1"]);
  assert.deepEqual(namesOf(await ask("snapshots?sort=name")), ["db-1", "web-1", "web-2"]);
  assert.deepEqual(namesOf(await ask("snapshots?text=EB-")), ["web-2", "web-1"]);
  assert.deepEqual(namesOf(await ask("snapshots?prefix=web&sort=created")), ["web-2", "web-1"]);
  assert.deepEqual(namesOf(await ask("snapshots?label=env%3Dprod&label=all%3Dyes")), ["web-2"]);
  assert.deepEqual(namesOf(await ask("snapshots?label=env%3Dprod&label=all%3Dno")), []);
  const first = await ask("snapshots?limit=1");
  assert.deepEqual([namesOf(first), first.json["total"]], [["db-1"], 3]);
  await client.delete({ refs: ["web-2"] });
  await create("later");
  const view = String(first.json["view"]);
  const rest = await ask(`snapshots?offset=1&view=${view}`);
  assert.deepEqual(namesOf(rest), ["gone", "web-1"]);
  assert.deepEqual(namesOf(await ask("snapshots")), ["later", "db-1", "web-1"]);
  for (const wrong of ["sort=color", "order=up", "limit=201", "offset=-1", "label=x"]) {
    assert.equal((await ask(`snapshots?${wrong}`)).status, 400, wrong);
  }
});

test("one snapshot shows its facts, strips and leases, and looking does not count as an access", async (t) => {
  const { create, ask, client } = await startApi(t);
  const id = await create("web-1");
  const before = (await client.inspect({ ref: id })).snapshot?.lastAccessedAt;
  const { json } = await ask(`snapshots/${id}`);
  assert.equal((json["snapshot"] as { config: { name: string } }).config.name, "web-1");
  const data = await ask(`snapshots/${id}/data?cells=8`);
  const files = data.json["files"] as { name: string; cells: number[] }[];
  assert.ok(files.length > 0);
  for (const { cells } of files) {
    assert.ok(cells.length <= 8);
    assert.ok(cells.every((share) => share >= 0 && share <= 100));
  }
  assert.deepEqual((await client.inspect({ ref: id })).snapshot?.lastAccessedAt, before);
  assert.equal((await ask("snapshots/nothing")).status, 404);
  assert.equal((await ask("snapshots/%E0%A4%A")).status, 400);
  await using _open = await client.openDataDirectory({ ref: id });
  const { json: used } = await ask("activity");
  assert.deepEqual(used["leases"], [
    { id, name: "web-1", streams: 0, directories: 1, background: 0 },
  ]);
});

test("a planned collection has sums and rows, and removes nothing", async (t) => {
  const { create, ask, client } = await startApi(t);
  for (const name of ["a", "b", "c"]) await create(name);
  const { json } = await ask("gc?keep_last=1");
  assert.equal(json["total"], 2);
  const [sum] = json["byReason"] as { count: number }[];
  assert.equal(sum?.count, 2);
  assert.equal((await client.list({})).snapshots.length, 3);
  assert.equal((await ask("gc?keep_last=x")).status, 400);
});

test("a tenant sees its own snapshots, and no totals of all tenants", async (t) => {
  const { create, ask, token } = await startApi(t);
  await create("a/one", { env: "prod" });
  const foreign = await create("b/two", { env: "prod" });
  await create("ab", { env: "prod" });
  const tenant = token({ name: "tenant", role: "operator", namePrefix: "a/" });
  const own = (path: string) => ask(path, tenant);
  for (const query of [
    "",
    "?prefix=b",
    "?prefix=a",
    "?label=env%3Dprod",
    "?text=b",
    "?sort=name",
  ]) {
    const shown = namesOf(await own(`snapshots${query}`));
    assert.ok(
      shown.every((name) => name === "a/one"),
      query,
    );
  }
  assert.deepEqual(namesOf(await own("snapshots")), ["a/one"]);
  assert.deepEqual(namesOf(await own("snapshots?label=env%3Dprod")), ["a/one"]);
  // This reads the other caller's view with that caller's token.
  const { json } = await ask("snapshots");
  assert.deepEqual(namesOf(await own(`snapshots?view=${String(json["view"])}`)), ["a/one"]);
  assert.equal((await own(`snapshots/${foreign}`)).status, 404);
  assert.equal((await own(`snapshots/${foreign}/data`)).status, 404);
  const { json: related } = await own("snapshots/a%2Fone");
  assert.deepEqual(related["sameData"], []);
  assert.deepEqual((await own("usage")).json["samples"], []);
  const { json: info } = await own("info");
  assert.equal((info["info"] as { usage?: unknown }).usage, undefined);
  const { json: activity } = await own("activity");
  assert.equal(activity["transfers"], undefined);
  const { json: plan } = await own("gc?evict_all=1");
  assert.equal(plan["total"], 1);
  const reader = token({ name: "reader", role: "reader", namePrefix: "" });
  assert.equal((await ask("gc?keep_last=1", reader)).status, 403);
  const peer = token({ name: "peer", role: "peer", namePrefix: "" });
  for (const part of ["config", "log", "check", "gc", "other"]) {
    for (const refused of [tenant, reader, peer]) {
      assert.equal((await ask(`support/${part}`, refused)).status, 403, part);
    }
  }
  for (const path of ["snapshots", "usage", "damage", "activity"]) {
    assert.equal((await ask(path, peer)).status, 403, path);
  }
});

test("events arrive as they happen, and the stream ends when the daemon drains", async (t) => {
  const { daemon, address, scratch } = await startTestDaemon(t);
  await using client = connect(address);
  const source = await makeSmallSource(join(scratch, "source"));
  const socketPath = (daemon.adminAddress ?? "").replace("unix:", "");
  let text = "";
  const ended = new Promise<void>((resolve, reject) => {
    const sent = request({ socketPath, path: "/api/events", agent: false }, (response) => {
      assert.equal(response.headers["content-type"], "text/event-stream");
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("end", resolve);
    });
    sent.on("error", reject);
    sent.end();
  });
  await eventually("the stream has begun", () => text.includes("EVENT_TYPE_POSITION"));
  await client.create({ config: { name: "web-1" } }, packDirectory(source));
  await eventually("the event is there", () => text.includes("EVENT_TYPE_CREATED"));
  assert.match(text, /^id: \S+\ndata: \{.*"name":"web-1"/m);
  await daemon.stop();
  await ended;
});

test("the check of a support bundle counts all problems and lists some of them", async (t) => {
  const { ask, root } = await startApi(t);
  for (let index = 0; index < 210; index += 1) await mkdir(join(root, "data", `unknown-${index}`));
  const { json } = await ask("support/check");
  assert.deepEqual(json["counts"], { FINDING_KIND_ENTRY_UNKNOWN: 210 });
  assert.equal((json["findings"] as object[]).length, 200);
  assert.equal((json["summary"] as { problems: string }).problems, "210");
  assert.equal(json["incomplete"], undefined);
});
