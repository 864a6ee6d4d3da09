// Cuts the power before every operation of every call, and of the starts after a power cut.
// Afterwards acknowledged snapshots are intact, and no incomplete snapshot is visible or left.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cutCall, cutStart } from "./power.js";
import { scenarios } from "./scenarios.js";
import { openStage, prepare } from "./stage.js";
import { prepareStart, starts } from "./starts.js";

const seed = 1;

for (const scenario of scenarios) {
  test(`a power cut at every operation of ${scenario.name}`, async () => {
    await using stage = openStage();
    assert.deepEqual(await cutCall(stage, await prepare(stage, scenario), { seed }), []);
  });
}

for (const start of starts) {
  test(`a power cut at every operation of a start after ${start.name}`, async () => {
    await using stage = openStage();
    assert.deepEqual(await cutStart(stage, await prepareStart(stage, start), { seed }), []);
  });
}
