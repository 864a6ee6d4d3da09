// Defines the steps of `stasis remote check` that look for stale answers. One set of connections
// changes something, and another set requests it at once, many times.
import { kib } from "../../base/sizes.js";
import { isStoreError } from "../../base/errors.js";
import type { LitmusScene, TriedStep } from "./litmus-step.js";

type Look = (scene: LitmusScene, key: string) => Promise<boolean>;

export const staleSteps: readonly TriedStep[] = [
  afterPut("read_after_put", canRead, "a snapshot that was stored could not be read elsewhere"),
  afterPut("list_after_put", isListed, "collection could delete what a new snapshot uses"),
  afterDelete("read_after_delete", canRead),
  afterDelete("list_after_delete", isListed),
];

function afterPut(name: string, look: Look, danger: string): TriedStep {
  return {
    name,
    async run(scene) {
      const stale = await countStale(scene, look, false);
      const { rounds } = scene;
      if (stale === 0)
        return { outcome: "passed", detail: `${rounds} of ${rounds} were seen at once` };
      const detail = `${stale} of ${rounds} objects were not seen at once: ${danger}`;
      return { outcome: "failed", detail };
    },
  };
}

/**
 * Makes a step that looks for deleted objects that are still seen. Stasis never uses a key twice,
 * so such an object costs only time.
 */
function afterDelete(name: string, look: Look): TriedStep {
  return {
    name,
    async run(scene) {
      const stale = await countStale(scene, look, true);
      const { rounds } = scene;
      if (stale === 0)
        return { outcome: "passed", detail: `${rounds} of ${rounds} were gone at once` };
      const detail = `${stale} of ${rounds} deleted objects were still seen: stasis allows for it`;
      return { outcome: "noted", detail };
    },
  };
}

/** Returns how many objects the other connections did not see as they were. */
async function countStale(scene: LitmusScene, look: Look, isDeleted: boolean): Promise<number> {
  let stale = 0;
  for (let round = 0; round < scene.rounds; round += 1) {
    // The two sets of connections take turns at writing.
    const [one, other] = round % 2 === 0 ? [scene.one, scene.other] : [scene.other, scene.one];
    const key = scene.newKey();
    await one.put(key, Buffer.from(key), scene.signal);
    if (isDeleted) await one.delete(key, scene.signal);
    if ((await look({ ...scene, one, other }, key)) === isDeleted) stale += 1;
    if (!isDeleted) await one.delete(key, scene.signal);
  }
  return stale;
}

async function canRead({ other, signal }: LitmusScene, key: string): Promise<boolean> {
  try {
    const bytes = await other.get(key, { maxBytes: kib, signal });
    return String(bytes) === key;
  } catch (error) {
    if (isStoreError(error, "REMOTE_COPY_MISSING")) return false;
    throw error;
  }
}

async function isListed({ other, signal }: LitmusScene, key: string): Promise<boolean> {
  for await (const listed of other.list(key, { signal })) if (listed.key === key) return true;
  return false;
}
