// Tests that metrics are read when a page is rendered. A source that fails or hangs affects only
// its own values, and labels have only allowed values.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricSet, reading } from "../../../src/observe/metric-set.js";
import { createMetrics } from "../../../src/observe/metrics.js";
import { parsePage } from "../../observe/samples.js";

const readings = [
  reading<{ n: number }>("stasis_plain", "A value", ({ n }) => n),
  reading<{ n: number }>(
    "stasis_by_kind",
    "By kind",
    ({ n }) => (n > 1 ? [[{ kind: "a" }, n]] : [[{ kind: "b" }, n]]),
    ["kind"],
  ),
  reading<{ n: number }>("stasis_done_total", "A counter", ({ n }) => n),
];

test("values are current, and a label that disappears is not shown any more", async () => {
  const set = new MetricSet();
  let n = 1;
  let asked = 0;
  set.readings("it", readings)(() => ({ n: (asked++, n) }));
  assert.equal(asked, 0);
  const first = parsePage(await set.render());
  assert.equal(first.get("stasis_plain"), 1);
  assert.equal(first.get('stasis_by_kind{kind="b"}'), 1);
  n = 7;
  const second = parsePage(await set.render());
  assert.equal(second.get('stasis_by_kind{kind="a"}'), 7);
  assert.equal(second.get('stasis_by_kind{kind="b"}'), undefined);
  assert.equal(second.get("stasis_done_total"), 7);
  assert.equal(asked, 2);
});

test("a source that fails has no values, and others keep theirs", async () => {
  const set = new MetricSet();
  let fails = true;
  set.readings(
    "it",
    readings,
  )(() => {
    if (fails) throw new Error("the disk is gone");
    return { n: 3 };
  });
  set.readings("other", [reading("stasis_other", "Another", () => 5)])(() => ({}));
  const broken = parsePage(await set.render());
  assert.equal(broken.get('stasis_metrics_source_up{source="it"}'), 0);
  assert.equal(broken.get("stasis_plain"), undefined);
  assert.equal(broken.get("stasis_done_total"), undefined);
  assert.equal(broken.get("stasis_other"), 5);
  fails = false;
  assert.equal(parsePage(await set.render()).get("stasis_plain"), 3);
});

test("a source that hangs is read once, however many pages are rendered", async () => {
  const set = new MetricSet();
  let asked = 0;
  let answer = (_: { n: number }): void => undefined;
  set.readings(
    "it",
    readings,
  )(() => {
    asked++;
    return new Promise<{ n: number }>((resolve) => (answer = resolve));
  });
  const pages = await Promise.all([set.render(), set.render()]);
  for (const page of pages) {
    assert.equal(parsePage(page).get('stasis_metrics_source_up{source="it"}'), 0);
  }
  assert.equal(asked, 1);
  answer({ n: 1 });
});

test("labels have only allowed values, whatever a caller or a peer sends", async () => {
  using metrics = createMetrics(["a.Service/Known"]);
  metrics.calls.ended("a.Service/Guess", "OK", 0.1);
  metrics.calls.ended("a.Service/Known", "OK", 0.1);
  metrics.calls.totalsOf("a.Service/Guess").receivedBytes += 5;
  metrics.calls.refused("STORAGE_FULL", "max_store");
  metrics.calls.refused("STORAGE_FULL", "web-secret");
  metrics.calls.refused("SNAPSHOT_NOT_FOUND", undefined);
  const page = parsePage(await metrics.page.render());
  assert.equal(page.get('stasis_rpc_seconds_count{method="other",code="OK"}'), 1);
  assert.equal(page.get('stasis_rpc_seconds_count{method="a.Service/Known",code="OK"}'), 1);
  assert.equal(page.get('stasis_rpc_received_bytes_total{method="other"}'), 5);
  const refused = [...page].filter(([key]) => key.startsWith("stasis_rpc_refusals_total"));
  assert.deepEqual(refused, [
    ['stasis_rpc_refusals_total{reason="STORAGE_FULL",limit="max_store"}', 1],
    ['stasis_rpc_refusals_total{reason="STORAGE_FULL",limit="other"}', 1],
  ]);
});
