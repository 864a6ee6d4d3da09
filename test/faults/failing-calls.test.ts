// Fails every operation of every call once with EIO and once with ENOSPC. The caller gets the
// reason, or the call succeeds nevertheless. No incomplete snapshot is visible, and the next start
// finds a consistent store.
import { test } from "node:test";
import { assertReason, failEach, judgeAfter } from "./errors.js";
import { scenarios } from "./scenarios.js";
import { openStage, play, prepare } from "./stage.js";

for (const code of ["EIO", "ENOSPC"] as const) {
  for (const scenario of scenarios) {
    test(`${scenario.name} with ${code} at every operation`, async () => {
      await using stage = openStage();
      const prepared = await prepare(stage, scenario);
      await failEach(code, async (fault) => {
        const { error } = await play(stage, prepared, () => [fault], {
          isStruck: () => fault.failed() !== undefined,
        });
        assertReason(error, code);
        const refused = scenario.refusedLate === true ? "nothing" : "refused";
        await judgeAfter(stage, scenario, error === undefined ? "answered" : refused, fault);
      });
    });
  }
}
