// Tests the shipped dashboard. It equals the output of scripts/dashboard.ts, every metric in it
// exists, and a real Prometheus accepts each of its queries.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { dashboard, dashboardPath } from "../../scripts/dashboard.js";
import { createMetrics } from "../../src/observe/metrics.js";
import { makeScratch } from "../support/daemon.js";
import { noPrometheus, startPrometheus } from "./prometheus.js";

interface Target {
  readonly expr: string;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly Target[];
}

const panels = dashboard()["panels"] as readonly Panel[];
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

test("deploy/grafana/stasis.json is up to date (npm run fix writes it)", () => {
  assert.deepEqual(JSON.parse(readFileSync(dashboardPath, "utf8")), dashboard());
});

test("each panel has a title, a description and its own place", () => {
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { title, type, description, gridPos } of panels) {
    assert.notEqual(title, "");
    if (type !== "row") assert.notEqual(description ?? "", "", title);
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.ok(!taken.has(`${x} ${y}`), `${title} overlaps another panel`);
        taken.add(`${x} ${y}`);
      }
    }
  }
});

test("each query names only metrics that exist", () => {
  using metrics = createMetrics();
  const known = new Set(
    metrics.described.flatMap(({ name, type }) =>
      type === "histogram" ? [name, `${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
    ),
  );
  const named = expressions.flatMap((expr) => expr.match(/\b(?:stasis|process)_\w+/g) ?? []);
  assert.ok(named.length > 30);
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  );
});

test("Prometheus accepts each query", { skip: noPrometheus }, async (t) => {
  const directory = await makeScratch(t, "stasis-dashboard-");
  const rules = fileURLToPath(
    new URL("../../../deploy/prometheus/stasis-alerts.yaml", import.meta.url),
  );
  const prometheus = await startPrometheus(t, { directory, target: "127.0.0.1:1", rules });
  for (const expr of expressions) {
    const query = expr
      .replaceAll("$job", "stasis")
      .replaceAll("$instance", ".*")
      .replaceAll("$__rate_interval", "1m");
    const path = `/api/v1/query?query=${encodeURIComponent(query)}`;
    const { status, error } = (await prometheus.get(path)) as { status: string; error?: string };
    assert.equal(status, "success", `${query}: ${error}`);
  }
});
