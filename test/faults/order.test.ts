// Checks the order of writes, syncs, renames and commits of each call, rule by rule. Also checks
// the power-cut model at two moments: the last commit and the answer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { brokenRules, orderRules } from "./order.js";
import { recordOrder } from "./record-order.js";
import { scenarios } from "./scenarios.js";
import { openStage, prepare } from "./stage.js";

for (const scenario of scenarios) {
  test(`the file operations of ${scenario.name} are in a durable order`, async () => {
    await using stage = openStage();
    const { events, problems } = await recordOrder(stage, await prepare(stage, scenario));
    const shown = `\n${events.join("\n")}`;
    const rules = orderRules[scenario.name] ?? [];
    assert.ok(rules.length > 0, "no rules");
    assert.deepEqual([...brokenRules(events, rules), ...problems], [], shown);
  });
}
