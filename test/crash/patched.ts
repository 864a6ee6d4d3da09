// Reads a compiled module and seeds a mistake in it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutant-list.js";

export const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** Returns the patched text. Fails unless the build contains the text to replace exactly once. */
export async function patched({ name, file, find, replace }: Mutant): Promise<string> {
  const parts = (await readFile(join(repository, "dist", "src", file), "utf8")).split(find);
  if (parts.length !== 2) {
    throw new Error(
      `mutant "${name}": expected its text once in ${file}, found it ${parts.length - 1} times`,
    );
  }
  return parts.join(replace);
}
