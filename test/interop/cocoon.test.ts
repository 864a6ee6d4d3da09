// Imports archives and a store that the original cocoon has written (test/fixtures/cocoon), and
// compares each byte, each hole and the configuration. `npm run lab -- interop` makes these and
// more comparisons with cocoon itself.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../src/client/index.js";
import { startTestDaemon } from "../support/daemon.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { fixtures } from "./cocoon/cases.js";
import {
  compareConfigs,
  compareStoredTree,
  exportedConfig,
  ourConfigOf,
} from "./cocoon/differences.js";
import { fixtureFolder, fixtureStore } from "./cocoon/fixture-files.js";
import { makeVm } from "./cocoon/store.js";

for (const { file, of } of fixtures) {
  test(`${file} (${of.name}) is imported as cocoon means it`, async (t) => {
    const { address, scratch } = await startTestDaemon(t);
    const client = connect(address);
    t.after(() => client.close());
    const source = join(scratch, "source");
    await of.make(source);
    const imported = await client.import({}, createReadStream(join(fixtureFolder, file)));
    const ref = imported.snapshot?.config?.id ?? "";
    const { snapshot } = await client.inspect(ref);
    assert.ok(snapshot?.config);
    assert.deepEqual((await compareStoredTree(client, ref, source)).differences, []);
    const { $typeName: _type, id: _id, labels: _labels, ...config } = snapshot.config;
    assert.deepEqual(compareConfigs(config, ourConfigOf(of.config)), []);
    const expected = { ...of.config, ...of.more };
    assert.deepEqual(compareConfigs(await exportedConfig(client, ref, scratch), expected), []);
  });
}

for (const index of ["JSON", "SQLite"]) {
  const what = `a store of cocoon's own with its index in ${index}`;
  test(`${what} is adopted, including unknown keys of its configurations`, async (t) => {
    const { address, scratch } = await startTestDaemon(t);
    const client = connect(address);
    t.after(() => client.close());
    const unpack = (file: string) => execFileSync("tar", ["-C", scratch, "-xzf", file]);
    const root = join(scratch, "cocoon");
    unpack(fixtureStore.file);
    if (index === "SQLite") {
      unpack(fixtureStore.sqliteIndex);
      await rm(join(root, "snapshot", "db"), { recursive: true });
    }
    const { ready, pending, missing } = fixtureStore.size;
    const adopt = () => runStasis(["--addr", address, "adopt", root]);
    const first = await adopt();
    const left = `${pending} pending, ${missing} missing`;
    assert.match(first.stdout, new RegExp(`^${ready} adopted, ${left}$`, "m"), first.stderr);
    const { snapshots } = await client.list({});
    assert.equal(snapshots.length, ready);
    const numbers = new Set<number>();
    for (const { config } of snapshots) {
      assert.ok(config);
      const number = Number(/\d+/.exec(config.description)?.[0]);
      numbers.add(number);
      const source = join(scratch, `source-${number}`);
      const expected = await makeVm(source, number);
      assert.deepEqual((await compareStoredTree(client, config.id, source)).differences, []);
      const exported = await exportedConfig(client, config.id, scratch);
      assert.deepEqual(compareConfigs(exported, expected), []);
    }
    assert.equal(numbers.size, ready);
    assert.match((await adopt()).stdout, new RegExp(`^${ready} already here, ${left}$`, "m"));
  });
}

test("--move reports the keys of the configurations that it cannot keep", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  execFileSync("tar", ["-C", scratch, "-xzf", fixtureStore.file]);
  const root = join(scratch, "cocoon");
  const { stdout } = await runStasis(["--addr", address, "adopt", root, "--move"]);
  const told = stdout.match(
    /^adopted .*, without (cpu_burst_us|hugepages), (cpu_burst_us|hugepages) *$/gm,
  );
  assert.equal(told?.length, fixtureStore.size.ready, stdout);
});
