// Tests ListRemoteSnapshots and `stasis remote ls`: the listed snapshots, filters, pages, and
// broken snapshots.
import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { createOn } from "../replication/nodes.js";
import { noEngine, startEngine } from "../support/engine.js";
import { failsWith } from "../support/errors.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { pushTo, startRemoteNode } from "./daemons.js";

const skip = noEngine;
const hour = 3_600_000;

test(
  "snapshots of two nodes are listed by a third, with filters and in pages, without broken ones",
  { skip },
  async (t) => {
    const engine = await startEngine();
    t.after(() => engine[Symbol.asyncDispose]());
    const [one, two, empty] = [
      await startRemoteNode(t, engine),
      await startRemoteNode(t, engine),
      await startRemoteNode(t, engine),
    ];
    const none = await empty.client.listRemoteSnapshots({ remote: "cold" });
    assert.deepEqual([none.snapshots, none.totalSize, none.brokenSize], [[], 0n, 0n]);

    const source = join(one.scratch, "source");
    await mkdir(source);
    await writeFile(join(source, "memory"), "memory of a VM");
    const ids: string[] = [];
    for (const [node, name, labels] of [
      [one, "web-1", { keep: "yes", tier: "a" }],
      [one, "web-2", { keep: "yes" }],
      [two, "db", { keep: "no" }],
      [two, "web-3", {}],
    ] as const) {
      await createOn(node, source, name, labels);
      ids.push((await pushTo(node, { ref: name })).snapshot.id);
    }
    const [web1 = "", web2 = "", db = "", web3 = ""] = ids;
    const list = async (request: Parameters<typeof empty.client.listRemoteSnapshots>[0]) =>
      await empty.client.listRemoteSnapshots({ remote: "cold", ...request });
    const idsOf = async (request: Parameters<typeof list>[0]): Promise<string[]> =>
      (await list(request)).snapshots.map(({ id }) => id);
    assert.deepEqual(await idsOf({}), [web3, db, web2, web1]);
    assert.deepEqual(await idsOf({ filter: { namePrefix: "web-" } }), [web3, web2, web1]);
    assert.deepEqual(await idsOf({ filter: { labels: { keep: "yes" } } }), [web2, web1]);
    const both = { labels: { keep: "yes", tier: "a" } };
    assert.deepEqual(await idsOf({ filter: both }), [web1]);
    const nodeId = two.daemon.store.nodeId;
    assert.deepEqual(await idsOf({ filter: { nodeId, namePrefix: "web" } }), [web3]);

    const first = await list({ pageSize: 2, filter: { namePrefix: "web-" } });
    assert.deepEqual([first.totalSize, first.snapshots.length], [3n, 2]);
    const last = await list({ pageToken: first.nextPageToken, filter: { namePrefix: "web-" } });
    assert.deepEqual(
      last.snapshots.map(({ id }) => id),
      [web1],
    );
    assert.equal(last.nextPageToken, "");

    const expireTime = timestampFromDate(new Date(Date.now() + hour));
    const paths = ["protected", "expire_time"];
    await one.client.update({ ref: "web-1", protected: true, expireTime, updateMask: { paths } });
    const again = (await pushTo(one, { ref: "web-1" })).snapshot;
    const [shown] = (await list({ pageSize: 1 })).snapshots;
    assert.deepEqual(shown, again);
    assert.deepEqual([shown?.protected, shown?.expireTime], [true, expireTime]);

    const directory = join(engine.directory, "prod");
    await rm(join(directory, "maps", web2));
    await writeFile(join(directory, "snapshots", `${"0".repeat(26)}.json`), "{}");
    const rest = await list({});
    assert.deepEqual(
      rest.snapshots.map(({ id }) => id),
      [again.id, web3, db, web1],
    );
    assert.deepEqual(rest.brokenIds, [web2, "0".repeat(26)]);
    assert.equal(rest.brokenSize, 2n);

    const { client } = empty;
    await failsWith(client.listRemoteSnapshots({ remote: "nobody" }), "FIELD_INVALID");
    await failsWith(list({ pageSize: 1001 }), "FIELD_INVALID");
    await failsWith(list({ pageToken: "no token" }), "PAGE_TOKEN_INVALID");

    const stasis = (...args: string[]) => runStasis(["--addr", empty.address, ...args]);
    const table = await stasis("remote", "ls", "cold", "--limit", "2");
    assert.equal(table.code, 0, table.stderr);
    assert.match(table.stdout, /^NAME +ID +DATA +STORED +PUSHED +NODE +NOTE$/m);
    const row = `^web-1 +${again.id} .* ${one.daemon.store.nodeId} +protected, expires 20`;
    assert.match(table.stdout, new RegExp(row, "m"));
    assert.match(table.stderr, /^and 2 more: --limit cut them off$/m);
    const broken = new RegExp(`^not listed, because they are broken: ${web2}, 0{26} `, "m");
    assert.match(table.stderr, broken);
    const quiet = await stasis("-q", "remote", "list", "cold", "--label", "keep=no");
    assert.equal(quiet.stdout, `${db}\n`);
    const json = await stasis("--json", "remote", "ls", "cold", "--node", nodeId);
    const parsed = JSON.parse(json.stdout) as { snapshots: { id: string }[]; brokenSize: string };
    assert.deepEqual(
      parsed.snapshots.map(({ id }) => id),
      [web3, db],
    );
    assert.equal(parsed.brokenSize, "2");
    assert.match((await stasis("remote", "ls")).stdout, /^cold +http/m);
    assert.equal((await stasis("remote", "ls", "--label", "a=b")).code, 2);
    assert.equal((await stasis("remote", "ls", "cold", "--config", "x")).code, 2);
  },
);
