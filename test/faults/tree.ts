// Holds a directory tree in memory: the content of a store at one moment, which can be restored in
// milliseconds.
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";

export type Tree = TreeFile | TreeDirectory;

export interface TreeFile {
  readonly kind: "file";
  readonly mode: number;
  readonly content: Buffer;
  /** Names an unchanging file elsewhere, which is linked instead of written. */
  readonly linkTo?: string;
}

export interface TreeDirectory {
  readonly kind: "directory";
  readonly mode: number;
  readonly entries: ReadonlyMap<string, Tree>;
}

/**
 * Reads a tree. The ballast is 4 MiB that no test reads, so its files are linked. `stash` keeps the
 * links.
 */
export function readTree(path: string, stash: string): Tree {
  const stat = lstatSync(path);
  const mode = stat.mode & 0o7777;
  if (!stat.isDirectory()) return { kind: "file", mode, content: readFileSync(path) };
  const entries = new Map<string, Tree>();
  for (const name of readdirSync(path).sort()) {
    // SQLite makes the first of these files again, and locking the root makes the second.
    if (name === "catalog.db-shm" || name.startsWith("lock.")) continue;
    const child = join(path, name);
    entries.set(name, name === "ballast" ? readBallast(child, stash) : readTree(child, stash));
  }
  return { kind: "directory", mode, entries };
}

function readBallast(path: string, stash: string): Tree {
  const entries = new Map<string, Tree>();
  mkdirSync(stash, { recursive: true });
  for (const name of readdirSync(path)) {
    const linkTo = join(stash, `${readdirSync(stash).length}`);
    linkSync(join(path, name), linkTo);
    entries.set(name, { kind: "file", mode: 0o600, content: Buffer.alloc(0), linkTo });
  }
  return { kind: "directory", mode: 0o700, entries };
}

/** Writes a tree. `path` must not exist. */
export function writeTree(path: string, tree: Tree): void {
  if (tree.kind === "file") {
    if (tree.linkTo === undefined) writeSparse(path, tree);
    else linkSync(tree.linkTo, path);
    return;
  }
  mkdirSync(path, { mode: 0o700 });
  for (const [name, child] of tree.entries) writeTree(join(path, name), child);
  chmodSync(path, tree.mode);
}

const blockBytes = 4096;
const zeros = Buffer.alloc(blockBytes);

/** Writes a file. Blocks of zeros become holes, as in the files that the store writes. */
function writeSparse(path: string, { content, mode }: TreeFile): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    for (let offset = 0; offset < content.length; offset += blockBytes) {
      const block = content.subarray(offset, offset + blockBytes);
      if (!block.equals(zeros.subarray(0, block.length)))
        writeSync(fd, block, 0, block.length, offset);
    }
    ftruncateSync(fd, content.length);
  } finally {
    closeSync(fd);
  }
  chmodSync(path, mode);
}

/** Deletes the entry at `path`, including read-only directories. */
export function clear(path: string): void {
  makeWritable(path);
  rmSync(path, { recursive: true, force: true });
}

function makeWritable(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path)) makeWritable(join(path, name));
}

/** Returns a hash that is equal for equal trees. */
export function hashTree(tree: Tree): string {
  const hash = createHash("sha256");
  const add = (name: string, each: Tree): void => {
    hash.update(JSON.stringify([name, each.kind, each.mode]));
    if (each.kind === "file") hash.update(`${each.content.length}:`).update(each.content);
    else for (const [child, below] of each.entries) add(child, below);
    hash.update("end");
  };
  add("", tree);
  return hash.digest("hex");
}
