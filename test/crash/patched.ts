// A compiled module with a seeded mistake.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutant-list.js";

export const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** Its text. Fails unless the build contains the text to replace exactly once. */
export async function patched({ name, file, find, replace }: Mutant): Promise<string> {
  const parts = (await readFile(join(repository, "dist", "src", file), "utf8")).split(find);
  if (parts.length !== 2) {
    throw new Error(
      `mutant "${name}": expected its text once in ${file}, found it ${parts.length - 1} times`,
    );
  }
  return parts.join(replace);
}
