// Archives and a store that the original cocoon has written (test/fixtures/cocoon) are taken in: each byte, each hole and
// the configuration are compared. `npm run interop:cocoon` does the same, and more, with cocoon itself.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../src/client/index.js";
import { startTestDaemon } from "../support/daemon.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { fixtures } from "./cocoon/cases.js";
import { compareConfigs, compareTrees, exportedConfig, ourConfigOf } from "./cocoon/differences.js";
import { fixtureFolder, fixtureStore } from "./cocoon/fixture-files.js";
import { makeVm } from "./cocoon/store.js";

for (const { file, of } of fixtures) {
  test(`${file} (${of.name}) is imported as cocoon meant it`, async (t) => {
    const { address, scratch } = await startTestDaemon(t);
    const client = connect(address);
    t.after(() => client.close());
    const source = join(scratch, "source");
    await of.make(source);
    const imported = await client.import({}, createReadStream(join(fixtureFolder, file)));
    const ref = imported.snapshot?.config?.id ?? "";
    const { snapshot } = await client.inspect(ref);
    assert.ok(snapshot?.config);
    assert.deepEqual((await compareTrees(snapshot.dataDir, source)).differences, []);
    const { $typeName: _type, id: _id, labels: _labels, ...config } = snapshot.config;
    assert.deepEqual(compareConfigs(config, ourConfigOf(of.config)), []);
    const expected = { ...of.config, ...of.more };
    assert.deepEqual(compareConfigs(await exportedConfig(client, ref, scratch), expected), []);
  });
}

test("a store of cocoon's own is adopted, with what stasis does not know of its configurations", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const client = connect(address);
  t.after(() => client.close());
  execFileSync("tar", ["-C", scratch, "-xzf", fixtureStore.file]);
  const { ready, pending, missing } = fixtureStore.size;
  const adopt = () => runStasis(["--addr", address, "adopt", join(scratch, "cocoon")]);
  const first = await adopt();
  const left = `${pending} pending, ${missing} missing`;
  assert.equal(
    first.stdout.trimEnd().split("\n").at(-1),
    `${ready} adopted, ${left}`,
    first.stderr,
  );
  const { snapshots } = await client.list({});
  assert.equal(snapshots.length, ready);
  const numbers = new Set<number>();
  for (const { config, dataDir } of snapshots) {
    assert.ok(config);
    const index = Number(/\d+/.exec(config.description)?.[0]);
    numbers.add(index);
    const source = join(scratch, `source-${index}`);
    const expected = await makeVm(source, index);
    assert.deepEqual((await compareTrees(dataDir, source)).differences, []);
    assert.deepEqual(
      compareConfigs(await exportedConfig(client, config.id, scratch), expected),
      [],
    );
  }
  assert.equal(numbers.size, ready);
  assert.match((await adopt()).stdout, new RegExp(`^${ready} already here, ${left}$`, "m"));
});
