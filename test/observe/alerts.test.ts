// Tests the shipped alert rules. Prometheus accepts them, each fires for its cause, each has an
// entry in the runbook, and every metric in a rule exists.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createMetrics } from "../../src/observe/metrics.js";
import { noPrometheus } from "./prometheus.js";

const repository = new URL("../../../", import.meta.url);
const folder = fileURLToPath(new URL("deploy/prometheus/", repository));
const rules = readFileSync(`${folder}stasis-alerts.yaml`, "utf8");
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);

function promtool(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync("promtool", args, {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.equal(status, 0, `promtool ${args.join(" ")}: ${stdout}${stderr}`);
}

test("promtool accepts the rules", { skip: noPrometheus }, () => {
  promtool("check", "rules", "stasis-alerts.yaml");
});

test(
  "each alert fires for its cause, and no alert fires for a healthy daemon",
  {
    skip: noPrometheus,
  },
  () => {
    promtool("test", "rules", "stasis-alerts-test.yaml");
  },
);

test("each alert has a test, and an entry in the runbook that says what to do", () => {
  const tests = readFileSync(`${folder}stasis-alerts-test.yaml`, "utf8");
  const runbook = readFileSync(new URL("docs/runbook.md", repository), "utf8");
  assert.ok(alerts.length > 20);
  for (const alert of alerts) {
    assert.ok(tests.includes(`- name: ${alert}\n`), `${alert} has no test`);
    assert.ok(rules.includes(`runbook: "docs/runbook.md#${alert.toLowerCase()}"`), alert);
    const [, entry = ""] =
      new RegExp(`^## ${alert}\n(.*?)(?=^## |$(?![^]))`, "ms").exec(runbook) ?? [];
    for (const part of ["**Means**", "**Look**", "**Type**"]) {
      assert.ok(entry.includes(part), `docs/runbook.md has no ${part} for ${alert}`);
    }
  }
  const entries = [...runbook.matchAll(/^## (\w+)$/gm)].map(([, name = ""]) => name);
  assert.deepEqual(entries.sort(), [...alerts].sort());
});

test("rules and runbook name only metrics that exist", () => {
  using metrics = createMetrics();
  const known = new Set(
    metrics.described.flatMap(({ name, type }) =>
      type === "histogram" ? [name, `${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
    ),
  );
  const runbook = readFileSync(new URL("docs/runbook.md", repository), "utf8");
  for (const text of [rules, runbook]) {
    for (const [name] of text.matchAll(/\b(?:stasis|process)_[a-z_]+\b/g)) {
      assert.ok(known.has(name), `${name} is not a metric`);
    }
  }
});
