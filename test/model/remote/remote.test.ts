// Tests that the protocols of a remote are correct in every interleaving of each scene, and that
// each rule is necessary: the model notices a mutation that violates it. `npm run lab --
// model-remote` runs larger scenes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { explore, type Exploration } from "./explorer.js";
import { mutations, type Mutation } from "./mutations.js";
import { scenes, type Scene } from "./scenes.js";

/** The largest scene has half this many states, and takes a tenth of this time. */
const bounds = { maxStates: 400_000, maxCpuMs: 60_000 };

function sceneOf(name: string): Scene {
  const found = scenes.find((scene) => scene.name === name);
  assert.ok(found, `there is no scene "${name}"`);
  return found;
}

function traceOf({ violation }: Exploration): string {
  return violation === undefined ? "" : `${violation.wrong}\n${violation.trace.join("\n")}`;
}

for (const scene of scenes) {
  if (scene.long) continue;
  void test(`${scene.name}: ${scene.what}`, (t) => {
    const found = explore(scene.system(), bounds);
    t.diagnostic(`${found.states} states, ${found.shared} worlds`);
    assert.equal(traceOf(found), "");
    assert.equal(found.unfinished, undefined);
    assert.deepEqual(found.missed, [], "no run reaches these");
  });
}

for (const [mutation, name] of Object.entries(mutations) as [Mutation, string][]) {
  void test(`the mistake ${mutation} is noticed in "${name}"`, (t) => {
    const found = explore(sceneOf(name).system({ mutation }), bounds);
    assert.ok(found.violation, `${found.states} states without a violation`);
    t.diagnostic(`${found.states} states: ${found.violation.wrong}`);
  });
}

void test("docs/remote-protocols.md lists every mistake with its scene, and lists no other mistake", () => {
  const path = new URL("../../../../docs/remote-protocols.md", import.meta.url);
  const text = readFileSync(path, "utf8");
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \|.*\| ([a-z ]+) \|$/gm)];
  const listed = rows.map(([, mutation, scene]) => [mutation, scene]);
  assert.deepEqual(listed, Object.entries(mutations));
  const steps = text.slice(0, text.indexOf("## Each rule"));
  for (const mutation of Object.keys(mutations)) {
    assert.ok(steps.includes(`\`${mutation}\``), `no step of a protocol names ${mutation}`);
  }
});
