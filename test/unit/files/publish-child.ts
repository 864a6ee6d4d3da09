// Runs under strace for publish-order.test.ts. It stages and publishes one snapshot, and reports
// the outcome.
import { writeSync } from "node:fs";
import { isStoreError } from "../../../src/base/errors.js";
import { layoutOf } from "../../../src/files/layout.js";
import { storeSnapshot } from "./support.js";

const [root = "", id = ""] = process.argv.slice(2);
function say(answer: string): void {
  writeSync(1, `${answer}\n`);
}

try {
  await storeSnapshot(layoutOf(root), id);
  say("stored");
} catch (error) {
  say(isStoreError(error) ? error.reason : String(error));
}
// The regular exit of Node calls fsync on its standard streams, and hangs if strace makes that
// fail.
process.kill(process.pid, "SIGKILL");
