// Directories that are taken over by rename stay their caller's until they are recorded. A marker
// beside them says where they came from, so that even after a crash they can be put back.
import { readFile, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { StoreError } from "../base/errors.js";
import { requireKnownVersion } from "../model/format.js";
import { ioError, isErrno, withIoError } from "../sparse/errno.js";
import { exists, fsyncDirectory, renameOnly, writeNewFile } from "./durable.js";
import { holdRealPath } from "./held-directory.js";
import { filesDirectoryName, originFileName } from "./layout.js";

const originVersion = 1;
/** Without a version: written before there was one. */
const originSchema = z.strictObject({
  version: z.literal(originVersion).optional(),
  source: z.string().min(1),
});

/** Called before the rename: durable in `directory`, the snapshot's own, when it returns. */
export async function recordOrigin(directory: string, source: string): Promise<void> {
  const origin: z.infer<typeof originSchema> = { version: originVersion, source };
  const text = `${JSON.stringify(origin)}\n`;
  await writeNewFile(join(directory, originFileName), Buffer.from(text));
  await fsyncDirectory(directory);
  await fsyncDirectory(dirname(directory));
}

/** Called when the snapshot is recorded. A marker that stays by accident means nothing then. */
export async function forgetOrigin(directory: string): Promise<void> {
  await unlink(join(directory, originFileName)).catch(() => undefined);
}

/** Where the files in a snapshot's directory came from, or undefined if they were made here. */
export async function originOf(directory: string): Promise<string | undefined> {
  const path = join(directory, originFileName);
  try {
    const found: unknown = JSON.parse(await readFile(path, "utf8"));
    requireKnownVersion(path, found, originVersion);
    return originSchema.parse(found).source;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      throw new StoreError("STORED_DATA_CORRUPT", `cannot be understood: ${path}`, {
        cause: error,
      });
    }
    throw ioError(error, { what: "read where a directory came from", path });
  }
}

/**
 * Puts a directory that was taken over back where it came from. Returns that place, or undefined
 * when nothing was taken over, or not yet. Throws when something else has taken its place, or when
 * the way to it leads through a symbolic link by now: the recorded path had none.
 */
export async function giveBack(directory: string): Promise<string | undefined> {
  const source = await originOf(directory);
  if (source === undefined) return undefined;
  const files = join(directory, filesDirectoryName);
  if (!(await exists(files))) return undefined;
  await using parent = await holdRealPath(dirname(source));
  await withIoError({ what: `rename to ${source}`, path: files }, () =>
    renameOnly(files, parent.at(basename(source))),
  );
  await fsyncDirectory(parent.self);
  await fsyncDirectory(directory);
  return source;
}
