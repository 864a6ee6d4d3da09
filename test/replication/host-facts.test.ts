// Tests the parts of a configuration that describe the host or contain the orchestrator's own data.
// Every call, archive, peer and rebuilt catalog preserves both. List and Watch select by the host's
// facts, and data that cannot be kept is refused.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { EventType, type Snapshot } from "../../src/client/index.js";
import {
  collect,
  envelopeText,
  makeSmallSource,
  packDirectory,
  streamOf,
} from "../store/contents.js";
import { failsWith } from "../support/errors.js";
import { pull, startNode, type Node } from "./nodes.js";

const extra = {
  owner: { team: "größe", tags: ["a", null, true, 1.5, -0.25, []], empty: {} },
  "10": "ten",
  none: null,
  ["__proto__"]: { polluted: true },
};
const host = {
  cpuVendor: "GenuineIntel",
  cpuModel: "Xeon® 8375C",
  microarchitecture: "icelake-server",
  kernel: "6.12.48",
  hypervisorVersion: "48.0",
};

function assertFacts(snapshot: Snapshot | undefined): void {
  assert.deepEqual(snapshot?.config?.extra, extra);
  const { $typeName: _type, ...facts } = snapshot.config.host ?? {};
  assert.deepEqual(facts, host);
}

async function makeWith(node: Node, name: string, config: object): Promise<Snapshot | undefined> {
  const source = await makeSmallSource(join(node.scratch, name));
  return (await node.client.create({ config: { name, ...config } }, packDirectory(source)))
    .snapshot;
}

test("extra and host come back from calls, archives, a peer and a rebuilt catalog", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  assertFacts(await makeWith(from, "web", { extra, host }));
  const plain = await makeWith(from, "plain", { extra: {}, host: { kernel: "" } });
  assert.deepEqual([plain?.config?.extra, plain?.config?.host], [undefined, undefined]);
  assertFacts((await from.client.inspect("web")).snapshot);
  await from.client.update({
    ref: "web",
    description: "new",
    updateMask: { paths: ["description"] },
  });
  await using reading = await from.client.export({ ref: "web" });
  const archive = await collect(reading.bytes);
  const { stasis } = JSON.parse(await envelopeText(archive)) as { stasis: Record<string, object> };
  assert.deepEqual(stasis["extra"], extra);
  assert.equal(Reflect.get(stasis["host"] ?? {}, "cpu_vendor"), host.cpuVendor);
  assertFacts((await from.client.import({ name: "imported" }, streamOf(archive))).snapshot);
  assertFacts((await pull(to, { source: from.address, ref: "web" })).snapshot);
  await from.daemon.stop();
  for (const name of ["catalog.db", "catalog.db-wal", "catalog.db-shm", "catalog.mark"]) {
    await rm(join(from.root, name), { force: true });
  }
  const again = await startNode(t, { root: from.root });
  assertFacts((await again.client.inspect("web")).snapshot);
  await again.daemon.stop();
});

test("List and Watch select by the facts of a host", async (t) => {
  const node = await startNode(t);
  const kernel = "6.1.1";
  const watcher = node.client.watch({ filter: { host: { kernel } } })[Symbol.asyncIterator]();
  await watcher.next();
  await makeWith(node, "none", {});
  await makeWith(node, "one", { host });
  await makeWith(node, "two", { host: { ...host, kernel }, labels: { a: "b" } });
  const { value } = await watcher.next();
  await watcher.return?.();
  assert.deepEqual([value?.type, value?.snapshot?.config?.name], [EventType.CREATED, "two"]);
  const names = async (facts: object, labels = {}) => {
    const { snapshots, totalSize } = await node.client.list({ filter: { host: facts, labels } });
    assert.equal(totalSize, BigInt(snapshots.length));
    return snapshots.map(({ config }) => config?.name).join(" ");
  };
  assert.equal(await names({}), "two one none");
  assert.equal(await names({ cpuVendor: "GenuineIntel" }), "two one");
  assert.equal(await names({ cpuVendor: "GenuineIntel", kernel }), "two");
  assert.equal(await names({ cpuVendor: "GenuineIntel" }, { a: "b" }), "two");
  assert.equal(await names({ cpuVendor: "AuthenticAMD", kernel }), "");
});

test("data of the orchestrator that cannot be kept is refused, with the field's name", async (t) => {
  const node = await startNode(t);
  const nested = (levels: number): object => (levels === 0 ? {} : { a: nested(levels - 1) });
  const wrong = [
    { extra: { text: "x".repeat(16 * 1024) } },
    { extra: nested(32) },
    { extra: { text: "a\0b" } },
    { extra: { "a\0b": 1 } },
    { host: { kernel: "x".repeat(1025) } },
  ];
  for (const [index, config] of wrong.entries()) {
    const { fields } = await failsWith(makeWith(node, `web-${index}`, config), "FIELD_INVALID");
    const expected = "host" in config ? "header.config.host.kernel" : "header.config.extra";
    assert.equal(fields[0]?.field, expected);
  }
  assert.deepEqual(
    (await makeWith(node, "deep", { extra: nested(31) }))?.config?.extra,
    nested(31),
  );
});
