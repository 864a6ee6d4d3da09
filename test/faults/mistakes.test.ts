// Seeds mistakes in the store's file operations. The order rules or the power cuts must notice each
// mistake; otherwise those tests would prove nothing.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import type { Operation } from "./intercept.js";
import { brokenRules, orderRules } from "./order.js";
import { cutCall } from "./power.js";
import { recordOrder, type Mistake } from "./record-order.js";
import { scenarios } from "./scenarios.js";
import { openStage, prepare } from "./stage.js";

interface Seeded {
  readonly name: string;
  readonly mistake: Mistake;
  readonly in: readonly string[];
  /**
   * True if the answer or a commit comes too early. The power cuts must notice such a mistake, too.
   */
  readonly losesData: boolean;
}

const seeded: readonly Seeded[] = [
  {
    name: "directories are not synced",
    mistake: withoutSync(({ path }) => statSync(path).isDirectory()),
    in: ["create", "create-from-directory", "replace"],
    losesData: true,
  },
  {
    name: "data files are not synced",
    mistake: withoutSync(({ path }) => path.includes("/files/")),
    in: ["create", "import"],
    losesData: true,
  },
  {
    name: "the manifest is synced after the rename",
    mistake: lateManifest,
    in: ["create", "import", "create-from-directory"],
    losesData: false,
  },
  {
    name: "the new manifest of an update is not synced",
    mistake: withoutSync(({ path }) => path.endsWith(".tmp")),
    in: ["update"],
    losesData: true,
  },
  {
    name: "neither parent of a directory that moves out is synced",
    mistake: withoutSync(({ path }) => /\/(base|data\/[^/]+)$/.test(path)),
    in: ["take"],
    losesData: true,
  },
  {
    name: "the modes of files that move out are not synced",
    mistake: withoutSync(({ path }) => path.includes("/files/")),
    in: ["take"],
    losesData: true,
  },
  {
    name: "the move to the trash is not synced",
    mistake: withoutSync(({ path }) => /\/(data|trash)$/.test(path)),
    in: ["delete"],
    losesData: false,
  },
];

for (const { name, mistake, in: names, losesData } of seeded) {
  for (const scenario of scenarios.filter((each) => names.includes(each.name))) {
    test(`the tests of ${scenario.name} notice a mistake: ${name}`, async () => {
      await using stage = openStage();
      const prepared = await prepare(stage, scenario);
      const { events, problems } = await recordOrder(stage, prepared, mistake);
      const broken = brokenRules(events, orderRules[scenario.name] ?? []);
      assert.ok(broken.length + problems.length > 0, "by the order");
      if (!losesData) return;
      const lost = await cutCall(stage, prepared, { seed: 1, mistake });
      assert.ok(lost.length > 0, "by the power cuts");
    });
  }
}

function withoutSync(of: (operation: Operation) => boolean): Mistake {
  return () => ({ before: (operation) => operation.kind !== "sync" || !of(operation) });
}

function lateManifest(below: Parameters<Mistake>[0]): ReturnType<Mistake> {
  return {
    before: ({ kind, path }) => !(kind === "sync" && path.endsWith("/manifest.json")),
    after: ({ kind, to = "" }) => {
      if (kind !== "rename" || !/\/data\/[^/]+$/.test(to)) return;
      const late = { kind: "sync", path: `${to}/manifest.json` } as const;
      for (const layer of below) layer.before?.(late);
      for (const layer of below) layer.after?.(late);
    },
  };
}
