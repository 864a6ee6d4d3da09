// Runs as a process of open.test.ts. It writes a number of snapshots, and then ends in the
// requested way.
import { writeSync } from "node:fs";
import { isStoreError } from "../../../src/base/errors.js";
import { openCatalog, type Catalog } from "../../../src/catalog/open.js";
import { configOf, idOf, startMs, testClock } from "./support.js";
import { storeDefaults } from "../../support/defaults.js";

const [path = "", count = "0", ending = "close"] = process.argv.slice(2);
const catalog = openCatalog(path, { clock: testClock(), maxEvents: storeDefaults.maxEvents });

function adopt(target: Catalog, n: number): void {
  target.insertReady({
    config: configOf({ id: idOf(`w${String(n).padStart(6, "0")}`), description: "x".repeat(1000) }),
    createdAt: new Date(startMs),
    protected: false,
    files: [],
    digest: "sha256:00",
    revision: 1,
  });
}

function outcomeOf(n: number): string {
  try {
    adopt(catalog, n);
    return "stored";
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return `${error.reason} ${error.metadata["commit"] ?? "none"}`;
  }
}

if (ending === "until-failure") {
  let n = 0;
  let outcome = "stored";
  // While the log has room for one more page, a failed commit is undone at once, which uses that
  // page.
  while (outcome !== "IO_FAILED unknown" && n < Number(count)) outcome = outcomeOf(n++);
  console.log(outcome);
  console.log(outcomeOf(n));
  console.log(catalog.resolveRef("n0").config.name);
} else {
  writeSync(2, "==begin\n");
  for (let n = 0; n < Number(count); n++) adopt(catalog, n);
  writeSync(2, "==end\n");
  if (ending === "kill") process.kill(process.pid, "SIGKILL");
}
catalog.close();
