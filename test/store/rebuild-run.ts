// `npm run rebuild -- [--snapshots N]`: seconds of a start after each damage to the catalog.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { catalogDamages, checkRebuilt, makeHistory } from "./rebuild-cases.js";

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
} finally {
  await rm(scratch, { recursive: true, force: true });
}
