// Tests that docs/metrics.md lists the metrics of the registry, and that names follow the
// conventions of Prometheus.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createMetrics } from "../../../src/observe/metrics.js";
import { renderMetricsTable } from "../../../src/observe/metrics-table.js";

test("the table of docs/metrics.md is up to date (npm run fix)", () => {
  const page = readFileSync(new URL("../../../../docs/metrics.md", import.meta.url), "utf8");
  assert.ok(page.includes(`\n\n${renderMetricsTable()}\n\n`), "run npm run fix");
});

test("names have a unit, counters end with _total, and no metric is described twice", () => {
  using metrics = createMetrics();
  const names = metrics.described.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, type, labels, help } of metrics.described) {
    assert.match(name, /^(stasis|process)_[a-z_]+$/);
    assert.equal(type === "counter", name.endsWith("_total"), name);
    assert.doesNotMatch(name, /_(ms|milliseconds|kib|mib|count|sum|bucket)(_|$)/);
    assert.doesNotMatch(help, /[|\n]|\.$/, name);
    for (const label of labels) assert.match(label, /^[a-z_]+$/);
  }
});
