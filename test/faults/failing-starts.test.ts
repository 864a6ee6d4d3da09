// Fails every operation of a start after a power cut once with EIO and once with ENOSPC. The store
// opens nevertheless, or reports why it cannot. The next start finishes the remaining work.
import { test } from "node:test";
import { assertReason, failEach, judgeAfter } from "./errors.js";
import { openStage, playStart } from "./stage.js";
import { prepareStart, starts } from "./starts.js";

for (const code of ["EIO", "ENOSPC"] as const) {
  for (const start of starts) {
    test(`a start after ${start.name} with ${code} at every operation`, async () => {
      await using stage = openStage();
      const { scenario, tree } = await prepareStart(stage, start);
      await failEach(code, async (fault) => {
        const { error } = await playStart(stage, tree, () => [fault]);
        assertReason(error, code);
        await judgeAfter(stage, scenario, "nothing", fault);
      });
    });
  }
}
