// Implements `npm run lab -- rebuild [--snapshots N]`. It prints the seconds of a start after each
// kind of damage to the catalog, and the number of manifests that it has damaged in each way.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { catalogDamages, checkRebuilt, makeHistory } from "./rebuild-cases.js";
import { damageEveryManifest } from "./rebuild-manifests.js";
import { removeScratch } from "../support/scratch.js";

/** A tenth of the manifests is damaged before each start. */
const manifestStarts = 10;

const { values } = parseArgs({ options: { snapshots: { type: "string", default: "2000" } } });
const scratch = await mkdtemp(join(tmpdir(), "stasis-rebuild-"));
try {
  const history = await makeHistory(scratch, Number(values.snapshots));
  console.log(`${history.expected.size} snapshots, ${history.deletedIds.length} deleted`);
  const line = (what: string, ms: number): void => {
    console.log(`${what.padEnd(28)} ${(ms / 1000).toFixed(2).padStart(7)} s, all there and equal`);
  };
  line("not damaged", await checkRebuilt(history));
  for (const [damage, inflict] of Object.entries(catalogDamages)) {
    await inflict(history);
    line(damage, await checkRebuilt(history));
  }
  const { damaged, slowestStartMs } = await damageEveryManifest(history, manifestStarts);
  const total = [...damaged.values()].reduce((sum, count) => sum + count, 0);
  const kinds = [...damaged].map(([kind, count]) => `${count} ${kind}`).join(", ");
  const slowest = (slowestStartMs / 1000).toFixed(2);
  console.log(
    `${total} manifests damaged, the catalog deleted, in ${manifestStarts} starts: each in quarantine, ` +
      `all others there and equal; slowest start ${slowest} s\n  ${kinds}`,
  );
  await catalogDamages["deleted"]?.(history);
  line("all restored", await checkRebuilt(history));
} finally {
  await removeScratch(scratch);
}
