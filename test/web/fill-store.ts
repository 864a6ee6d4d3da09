// Fills a store with many small records before a daemon starts, because 100,000 uploads would take
// hours.
import { mkdirSync } from "node:fs";
import { fillCatalogFile } from "../../bench/fill-catalog-file.js";
import { systemClock } from "../../src/base/clock.js";
import { openCatalog } from "../../src/catalog/open.js";
import { openLayout } from "../../src/files/layout.js";
import { storeDefaults } from "../support/defaults.js";

/**
 * Writes the records. Their names are `vm/0` and so on, the last one the newest. Their labels are
 * `vm=web-0` to `vm=web-4999`.
 */
export async function fillStore(root: string, count: number): Promise<void> {
  const layout = await openLayout(root);
  openCatalog(layout.catalogDatabase, {
    clock: systemClock,
    maxEvents: storeDefaults.maxEvents,
  }).close();
  // The recovery expects a directory for every record.
  for (const id of fillCatalogFile(layout.catalogDatabase, count)) {
    mkdirSync(layout.dataDirectory(id));
  }
}
