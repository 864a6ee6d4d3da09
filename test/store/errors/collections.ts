// Collections of garbage that mean nothing, or come while another one is under way.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { GcService, type GcPolicySchema } from "../../../gen/ts/stasis/v1/gc_service_pb.js";
import { newSnapshotId } from "../../../src/model/name.js";
import type { CallStatus } from "../../support/status-call.js";
import { openScene, runCases, type ErrorCase, type Scene } from "./scene.js";

const { collectGarbage } = GcService.method;

/** Files of an orphan: looking through them takes a collection many turns of the event loop. */
const orphanFiles = 500;
const maxAttempts = 50;

async function plantOrphan({ root }: Scene): Promise<void> {
  const directory = join(root, "data", newSnapshotId());
  await mkdir(directory);
  for (let n = 0; n < orphanFiles; n += 1) await writeFile(join(directory, `file-${n}`), "");
}

/** Three at once, until one of them finds another one at work. */
async function collectTogether({ call }: Scene): Promise<CallStatus> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const collect = () => call(collectGarbage, { dryRun: true });
    const answers = await Promise.all([collect(), collect(), collect()]);
    const refused = answers.find(({ code }) => code !== "OK");
    if (refused !== undefined) return refused;
  }
  return assert.fail(`${maxAttempts} times three collections never met`);
}

function policyCases({ call }: Scene): readonly ErrorCase[] {
  const invalid = (field: string, policy: MessageInitShape<typeof GcPolicySchema>): ErrorCase => ({
    reason: "FIELD_INVALID",
    how: field,
    provoke: () => call(collectGarbage, { policy: { ...policy, evictAll: true } }),
    expected: { fields: [field] },
  });
  return [
    invalid("policy.keep_last", { keepLast: -1 }),
    invalid("policy.max_total_bytes", { maxTotalBytes: -1n }),
    invalid("policy.max_age", { maxAge: { seconds: 0n, nanos: 0 } }),
    invalid("policy.group_by_label", { groupByLabel: "team" }),
  ];
}

export function collectionErrors(): void {
  test("collections that cannot be carried out", async (t) => {
    const scene = await openScene(t);
    await scene.store("web");
    await plantOrphan(scene);
    const busy: ErrorCase = {
      reason: "GC_LOCK_BUSY",
      how: "two at once",
      provoke: () => collectTogether(scene),
      expected: { retry: true },
    };
    await runCases(t, scene, [...policyCases(scene), busy]);
  });
}
