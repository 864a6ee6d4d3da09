// Tests that the log has no error if a snapshot is deleted while an update writes its manifest.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../src/base/logger.js";
import { connect, isStoreError } from "../../src/client/index.js";
import { startTestDaemon } from "../support/daemon.js";
import { collect, makeSmallSource, packDirectory, streamOf } from "./contents.js";

test("an update that loses a race with a deletion logs no error", async (t) => {
  const alarms: unknown[] = [];
  const logger = Object.assign(createLogger("silent"), {
    error: (...said: unknown[]) => void alarms.push(said),
  });
  const { address, scratch } = await startTestDaemon(t, {}, { logger });
  const client = connect(address);
  t.after(() => client.close());
  const tar = await collect(packDirectory(await makeSmallSource(join(scratch, "source"))));
  for (let round = 0; round < 20; round++) {
    const { snapshot } = await client.create({}, streamOf(tar));
    const ref = snapshot?.config?.id ?? "";
    const updateMask = { paths: ["description"] };
    const updating = client.update({ ref, description: "late", updateMask });
    const [, updated] = await Promise.allSettled([client.delete(ref), updating]);
    if (updated.status === "rejected") {
      assert.ok(isStoreError(updated.reason, "SNAPSHOT_NOT_FOUND"), String(updated.reason));
    }
  }
  assert.deepEqual(alarms, []);
});
