// Tests that a real Prometheus scrapes a real daemon. Prometheus accepts every line, and the
// shipped rules detect what happens.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeSmallSource } from "../store/contents.js";
import { flip } from "../store/damages.js";
import { createOn, startNode } from "../replication/nodes.js";
import { eventually } from "../support/eventually.js";
import { noPrometheus, startPrometheus } from "./prometheus.js";
import { parsePage } from "./samples.js";

const rules = fileURLToPath(
  new URL("../../../deploy/prometheus/stasis-alerts.yaml", import.meta.url),
);

test(
  "Prometheus scrapes the admin listener, and the alert for a damaged snapshot fires",
  {
    skip: noPrometheus,
  },
  async (t) => {
    const node = await startNode(t, { "admin-listen": "127.0.0.1:0" });
    const source = await makeSmallSource(join(node.scratch, "source"));
    const { config } = await createOn(node, source, "one");
    const target = node.daemon.adminAddress ?? "";
    const prometheus = await startPrometheus(t, { directory: node.scratch, target, rules });
    await eventually("a scrape", async () => (await prometheus.query("up")) === 1);
    const created = 'stasis_rpc_seconds_count{method="stasis.v1.SnapshotService/Create",code="OK"}';
    await eventually("the call", async () => (await prometheus.query(created)) === 1);

    // Prometheus has stored the samples of the page. A few more may have appeared since the scrape.
    const page = parsePage(await node.daemon.metrics.render());
    const samples = await prometheus.query('scrape_samples_scraped{job="stasis"}');
    assert.ok(Math.abs((samples ?? 0) - page.size) <= 20, `${samples} of ${page.size}`);
    for (const name of ["stasis_filesystem_free_bytes", "process_resident_memory_bytes"]) {
      assert.ok(((await prometheus.query(name)) ?? 0) > 0, name);
    }
    assert.equal(await prometheus.query('stasis_snapshots{state="ready"}'), 1);
    assert.equal(await prometheus.query("stasis_ready"), 1);

    const id = config?.id ?? "";
    await flip(join(node.root, "data", id, "files", "cow.raw"), 64 * 1024);
    for await (const verdict of node.client.verify({ ref: id })) void verdict;
    await eventually("the alert", async () => {
      const alerts = await prometheus.alerts();
      return alerts.some(({ labels }) => labels["alertname"] === "StasisSnapshotDamaged");
    });
  },
);
