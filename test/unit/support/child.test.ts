// Tests that programs started by a test end with the test, also when the test fails.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { eventually } from "../../support/eventually.js";

const childModule = new URL("../../support/child.js", import.meta.url).href;

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

for (const [how, code] of Object.entries({
  "leaves them running": "process.exit()",
  "throws outside of all tests": "setImmediate(() => { throw new Error() })",
})) {
  test(`the programs of a test end with it when it ${how}`, async () => {
    const script = `import { run } from "${childModule}";
      console.log(run("sleep", ["60"]).pid);
      ${code};`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    const pid = Number(stdout.trim());
    assert.ok(pid > 1, stdout);
    await eventually("its end", () => !isRunning(pid));
  });
}
