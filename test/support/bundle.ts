// Runs `stasis support-bundle` and unpacks the bundle with tar.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { runStasis, type Finished, type RunOptions } from "../unit/cli/run-stasis.js";

const run = promisify(execFile);

export interface Bundle extends Finished {
  readonly path: string;
  /** Maps the name of each file, without the folder, to its text. */
  readonly files: ReadonlyMap<string, string>;
  json(file: string): Record<string, unknown>;
  /** Contains the text of all files, for a search. */
  readonly all: string;
}

/**
 * Makes an empty directory in `scratch`. Fails unless the command writes exactly one bundle into
 * it.
 */
export async function takeBundle(
  scratch: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Bundle> {
  const cwd = await mkdtemp(join(scratch, "bundle-"));
  const finished = await runStasis(["support-bundle", ...args], { ...options, cwd });
  const names = await readdir(cwd);
  assert.equal(names.length, 1, `${finished.stderr}: ${names.join(", ")}`);
  const path = join(cwd, names[0] ?? "");
  return { ...finished, ...(await unpackBundle(path)) };
}

export async function unpackBundle(path: string) {
  const folder = await mkdtemp(`${path}-`);
  await run("tar", ["-xzf", path, "-C", folder]);
  const [top = "", ...others] = await readdir(folder);
  assert.deepEqual(others, [], "a bundle has one folder");
  const names = await readdir(join(folder, top));
  const texts = names.map(
    async (name) => [name, await readFile(join(folder, top, name), "utf8")] as const,
  );
  const files = new Map(await Promise.all(texts));
  return {
    path,
    files,
    json: (file: string) => JSON.parse(files.get(file) ?? "") as Record<string, unknown>,
    all: [...files].flat().join("\n"),
  };
}
