// Implements the part of `check` that examines staging, trash and quarantine, which are the areas
// beside the stored snapshots.
import { join } from "node:path";
import { exists } from "../../files/durable.js";
import { listEntries } from "../../files/removal.js";
import { finding, type Finding } from "../../model/finding.js";
import { idPattern } from "../../model/name.js";
import { reflinkProbePrefix } from "../../holes/sparse-copy.js";
import type { CheckScene } from "./check-scene.js";

/**
 * Checks the three areas. `trash` contains the entries that existed when check read the records.
 */
export async function checkAreas(
  scene: CheckScene,
  trash: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Finding[]> {
  signal.throwIfAborted();
  return [
    ...(await checkStaging(scene)),
    ...(await checkTrash(scene, trash)),
    ...(await checkQuarantine(scene)),
  ];
}

async function checkStaging({ layout, live }: CheckScene): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const name of await listEntries(layout.stagingRoot)) {
    const path = join(layout.stagingRoot, name);
    if (live !== undefined) {
      if (live.intakes.has(name) || name.startsWith(reflinkProbePrefix)) continue;
      // The upload may have ended since the directory was listed.
      if (!(await exists(path))) continue;
    }
    const id = idPattern.test(name) ? name : "";
    const text = id === "" ? "not made by stasis" : "left by an upload that was never acknowledged";
    found.push(finding("staging_leftover", { id, path }, text, "at_next_start"));
  }
  return found;
}

async function checkTrash(
  { layout, catalog, live }: CheckScene,
  trash: ReadonlySet<string>,
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const name of trash) {
    const path = join(layout.trashRoot, name);
    if (!idPattern.test(name)) {
      found.push(finding("trash_leftover", { path }, "not made by stasis", "at_next_start"));
      continue;
    }
    if (live !== undefined) {
      // The bytes of a deleted snapshot are freed after its last reader has ended, and its record
      // after the bytes.
      if (catalog?.auditRow(name) !== undefined || !(await exists(path))) continue;
    }
    const text = "deleted; its space is freed at the next start";
    found.push(finding("trash_leftover", { id: name, path }, text, "at_next_start"));
  }
  return found;
}

async function checkQuarantine({ layout }: CheckScene): Promise<Finding[]> {
  const names = await listEntries(layout.quarantineRoot);
  return names
    .filter((name) => !name.endsWith(".reason.txt"))
    .map((name) => {
      const text = names.includes(`${name}.reason.txt`)
        ? "set aside; the text file beside it says why"
        : "set aside";
      return finding("quarantined", { path: join(layout.quarantineRoot, name) }, text, "none");
    });
}
