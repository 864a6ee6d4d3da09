// A process for root-lock.test.ts: tries to lock each root that it reads from standard input, says
// what came of it, and holds the lock until it is killed or its input ends.
import { join } from "node:path";
import { createInterface } from "node:readline";
import { isStoreError } from "../../../src/base/errors.js";
import { lockRoot } from "../../../src/catalog/root-lock.js";

function outcomeOf(root: string): string {
  try {
    lockRoot({ lockDatabase: join(root, "lock.db"), lockInfo: join(root, "lock.info") });
    return "locked";
  } catch (error) {
    return isStoreError(error) ? error.reason : String(error);
  }
}

createInterface({ input: process.stdin }).on("line", (root) => {
  console.log(outcomeOf(root));
});
