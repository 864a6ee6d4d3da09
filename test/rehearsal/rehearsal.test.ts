// Tests that each fault of `npm run lab -- rehearsal` raises its alert in a real Prometheus, and
// that the probes, the API of the page and the commands of the runbook show the fault.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test, type TestContext } from "node:test";
import { makeScratch } from "../support/daemon.js";
import { eventually } from "../support/eventually.js";
import { get } from "../support/http.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { faults, type ScenarioName } from "./faults.js";
import { hurryRules } from "./hurry.js";
import { images } from "./load.js";
import { cannotRehearse, openStage, type Stage } from "./stage.js";

test("times in the rules are divided, and thresholds do not change", () => {
  const rules =
    "expr: rate(x[5m]) > 0.25 unless x offset 15m\nfor: 10m\nsummary: 10m\nfor: 2s\nkeep_firing_for: 5m";
  const hurried =
    "expr: rate(x[30s]) > 0.25 unless x offset 90s\nfor: 60s\nsummary: 10m\nfor: 1s\nkeep_firing_for: 30s";
  assert.equal(hurryRules(rules, 10), hurried);
});

test(
  "each fault raises its alert, and the tools show its cause",
  { skip: cannotRehearse() },
  async (t) => {
    const directory = await makeScratch(t, "stasis-r-");
    await using stage = await openStage({ directory, hurry: 60, intervalMs: 500 });
    const { readyz, api, isRaised } = watch(stage);
    assert.match(await readyz(), /^200 /);
    // On a busy machine commits may be slow without a fault, so that alert is not checked here.
    for (const name of ["full-disk", "damaged-snapshot", "stuck-pull", "noisy-tenant"] as const) {
      assert.equal(await isRaised(name), false, `${faults[name].alert} before its fault`);
    }

    await play(t, stage, "damaged-snapshot", async () => {
      const { damaged } = await api<{ damaged: { config: { name: string } }[] }>("damage");
      const name = damaged[0]?.config.name ?? "";
      assert.ok(
        images.some((image) => image === name),
        name,
      );
      assert.match(await readyz(), /^200 /);
      const stasis = (...args: string[]) => runStasis(["--addr", stage.node1.socket, ...args]);
      assert.match((await stasis("ls", "--damaged")).stdout, new RegExp(name));
      // The runbook gives this command.
      assert.equal((await stasis("pull", "node2", name, "--repair")).code, 0);
      await eventually("the end of the alert", async () => !(await isRaised("damaged-snapshot")));
      return { repaired: true };
    });

    await play(t, stage, "stuck-pull", async () => {
      const { transfers } = await api<{
        transfers: { transfers: { ref: string; source: string; active: boolean }[] };
      }>("activity");
      const [stuck] = transfers.transfers.filter(({ active }) => active);
      assert.equal(stuck?.source, "node2");
      assert.match(stuck?.ref ?? "", /^nightly\//);
      return {};
    });

    await play(t, stage, "noisy-tenant", async () => {
      const lines = (await readFile(stage.node1.log, "utf8")).split("\n");
      const refused = lines.filter((line) => line.includes("TOO_MANY_STREAMS"));
      const who = new Set(refused.map((line) => (JSON.parse(line) as { who: string }).who));
      assert.equal(who.size, 1, [...who].join());
      const [name = ""] = who;
      await eventually("the uploads on the page", async () => {
        const { uploads } = await api<{ uploads: { name: string }[] }>("activity");
        return uploads.filter((upload) => upload.name.startsWith(`${name}/`)).length > 40;
      });
      return {};
    });

    await play(t, stage, "slow-disk", async () => {
      // The daemon is slow, but it serves every call, so it is ready.
      assert.match(await readyz(), /^200 /);
      return {};
    });

    await play(t, stage, "full-disk", async () => {
      // The daemon checks the space every two seconds. The alert does not wait for that check.
      await eventually("the probe", async () => /^503 .*space failed: full/s.test(await readyz()));
      const { info } = await api<{ info: { usage: Record<string, string> } }>("info");
      const { samples } = await api<{ samples: { filesystemBytes: number }[] }>("usage");
      const size = samples.at(-1)?.filesystemBytes ?? 0;
      const others = size - Number(info.usage["chargedBytes"]) - Number(info.usage["freeBytes"]);
      assert.ok(others > size / 2, `${others} of ${size} bytes are of others`);
      return {};
    });
    await eventually("a ready node", async () => /^200 /.test(await readyz()));
  },
);

/**
 * Causes the fault, waits for its alert and runs `look`. Undoes the fault unless `look` repaired
 * it.
 */
async function play(
  t: TestContext,
  stage: Stage,
  name: ScenarioName,
  look: () => Promise<{ readonly repaired?: boolean }>,
): Promise<void> {
  await t.test(name, async () => {
    const undo = await faults[name].begin(stage, () => 0.4);
    let repaired = false;
    try {
      await eventually(faults[name].alert, () => watch(stage).isRaised(name));
      ({ repaired = false } = await look());
    } finally {
      if (!repaired) await undo();
    }
  });
}

function watch({ node1, prometheus, operatorToken }: Stage) {
  const headers = { authorization: `Bearer ${operatorToken}` };
  return {
    readyz: async () => {
      const { status, body } = await get(node1.admin, "/readyz", { headers });
      return `${status} ${body}`;
    },
    api: async <T>(path: string) =>
      JSON.parse((await get(node1.admin, `/api/${path}`, { headers })).body) as T,
    /** Returns true if the alert is pending or firing. */
    isRaised: async (name: ScenarioName) => {
      const alerts = await prometheus.alerts();
      return alerts.some(
        ({ labels: { alertname, instance } }) =>
          alertname === faults[name].alert && instance === "node1",
      );
    },
  };
}
