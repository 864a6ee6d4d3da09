// Runs the corpus, and `npm run lab -- fuzz` briefly. The fuzzer must also find a seeded mistake in
// a parser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeScratch } from "../support/daemon.js";
import { runCampaign } from "./campaign.js";
import { readCorpus } from "./corpus.js";
import { fuzzTargets } from "./fuzz-targets.js";
import { copyInstrumented } from "./instrument.js";
import { seedsOf } from "./seeds.js";

const milliseconds = 1000;
const options = { maxFindings: 1, coarse: false } as const;

test("with seeds, corpus and a second of new inputs, every parser fails only as documented", async (t) => {
  const dist = await copyInstrumented(await makeScratch(t, "stasis-fuzz-"));
  for (const target of fuzzTargets) {
    const corpus = readCorpus(target);
    const inputs = [...seedsOf(target), ...corpus];
    const seed = Date.now() % 1_000_000;
    const outcome = await runCampaign({ dist, target, seed, milliseconds, inputs, ...options });
    const { executions, branches, of } = outcome;
    t.diagnostic(
      `${target}: ${executions} executions, ${branches} of ${of} branches, seed ${seed}`,
    );
    assert.deepEqual(outcome.findings, [], target);
    assert.ok(corpus.length > 0, `${target} has no corpus`);
    assert.ok(executions > inputs.length, `${target}: nothing new was tried`);
  }
});

test("the fuzzer notices a missing check of sparse maps", async (t) => {
  const dist = await copyInstrumented(await makeScratch(t, "stasis-fuzz-"), {
    file: "src/archive/sparse-map.js",
    find: "if (this.#dataBytes !== dataBytes)",
    replace: "if (this.#dataBytes < dataBytes)",
  });
  const inputs = seedsOf("sparse");
  const outcome = await runCampaign({
    ...{ dist, target: "sparse", seed: 1, inputs, ...options },
    milliseconds: 60_000,
  });
  assert.match(outcome.findings[0]?.text ?? "", /more data than the entry has/);
});
