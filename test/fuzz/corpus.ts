// Reads and writes the inputs in the repository, one file each. Each input reached a branch that no
// earlier one did.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FuzzTarget } from "./fuzz-targets.js";

const sources = fileURLToPath(new URL("../../../test/fuzz/corpus/", import.meta.url));
/** Longer inputs are not worth their space. */
const maxKeptBytes = 4096;

export function readCorpus(target: FuzzTarget): readonly Uint8Array[] {
  const folder = join(sources, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name)));
}

export function writeCorpus(target: FuzzTarget, inputs: readonly Uint8Array[]): void {
  const folder = join(sources, target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const input of inputs.filter(({ length }) => length <= maxKeptBytes)) {
    writeFileSync(join(folder, `${nameOf(input)}.raw`), input);
  }
}

export function nameOf(input: Uint8Array): string {
  return createHash("sha256").update(input).digest("hex").slice(0, 16);
}
