// Models the remains of a directory after a power cut, operation by operation. It assumes the
// strictest filesystem that POSIX allows, except that a rename is atomic:
//
// - A file has its content and mode as of its last fsync, or is empty if there was none.
// - A name is created, moved or removed only when its directory is synced; for a rename, when one
//   of the two directories is synced. Changes of one name become durable in order.
//
// The model takes SQLite's files as they are, because SQLite syncs its commits and does nothing
// between two of them.
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Random } from "../support/random.js";
import type { Layer, Operation } from "./intercept.js";
import { readTree, type Tree, type TreeDirectory } from "./tree.js";

export interface PowerModel extends Layer {
  /** Returns the content after a power cut at this moment. */
  afterCut(): Tree;
  /**
   * Returns the content after a power cut at this moment, if a random part of the unsynced changes
   * has reached the disk.
   */
  afterLuckyCut(random: Random): Tree;
  /**
   * Returns the paths of files and names below `path` with changes that a power cut would undo.
   * Leaves out changes of names for which `isFree` accepts one of their paths.
   */
  unsynced(path: string, isFree?: (path: string) => boolean): string[];
}

interface FileNode {
  readonly kind: "file";
  mode: number;
  content: Buffer;
  linkTo?: string | undefined;
}

interface DirectoryNode {
  readonly kind: "directory";
  mode: number;
  entries: Map<string, Node>;
}

type Node = FileNode | DirectoryNode;

interface NameChange {
  readonly directory: DirectoryNode;
  readonly name: string;
  /** The node is undefined if the name is removed. */
  readonly node: Node | undefined;
}

/** Follows all changes below `base`. Everything below it is durable at the beginning. */
export function followPower(base: string, stash: string): PowerModel {
  /** Maps device and inode numbers to the current files. */
  const nodes = new Map<string, Node>();
  /**
   * Holds the changes of names that are not durable, in order. The changes in one element are
   * atomic.
   */
  let pending: (readonly NameChange[])[] = [];
  const dirty = new Set<Node>();
  /** Holds the paths of trees that are about to be removed, deepest first. */
  let removing: string[] = [];
  let existed = false;
  const root = register(readTree(base, stash), base, nodes) as DirectoryNode;

  const nodeAt = (path: string): Node => {
    const node = nodes.get(identity(path));
    if (node === undefined) throw new Error(`${path} was not made through the layer`);
    return node;
  };
  const change = (path: string, node: Node | undefined): NameChange => ({
    directory: nodeAt(dirname(path)) as DirectoryNode,
    name: basename(path),
    node,
  });
  const add = (path: string, node: Node): void => {
    nodes.set(identity(path), node);
    dirty.add(node);
    pending.push([change(path, node)]);
  };
  const sync = (path: string): void => {
    const node = nodeAt(path);
    node.mode = modeOf(path);
    dirty.delete(node);
    if (node.kind === "file") node.content = readFileSync(path);
    else pending = commit(pending, (each) => each.directory === node);
  };
  const after: Readonly<Record<Operation["kind"], (operation: Operation) => void>> = {
    open: () => undefined,
    create: ({ path }) => {
      if (!existed) add(path, { kind: "file", mode: modeOf(path), content: Buffer.alloc(0) });
    },
    mkdir: ({ path }) => {
      add(path, { kind: "directory", mode: modeOf(path), entries: new Map() });
    },
    rename: ({ path, to = "" }) => {
      pending.push([change(path, undefined), change(to, nodeAt(to))]);
    },
    link: ({ to = "" }) => pending.push([change(to, nodeAt(to))]),
    unlink: ({ path }) => pending.push([change(path, undefined)]),
    rmdir: ({ path }) => pending.push([change(path, undefined)]),
    "remove-tree": () => undefined,
    sync: ({ path }) => sync(path),
    write: ({ path }) => dirty.add(nodeAt(path)),
    copy: ({ path }) => dirty.add(nodeAt(path)),
    truncate: ({ path }) => dirty.add(nodeAt(path)),
    chmod: ({ path }) => dirty.add(nodeAt(path)),
    chown: ({ path }) => dirty.add(nodeAt(path)),
    utimes: () => undefined,
    attribute: () => undefined,
  };
  return {
    before: ({ kind, path }) => {
      if (kind === "create") existed = lookAt(path) !== undefined;
      if (kind !== "remove-tree") return;
      removing = allBelow(path);
      // The removals are recorded while the directories still exist, because each becomes durable
      // separately.
      for (const each of removing) pending.push([change(each, undefined)]);
    },
    after: (operation) => {
      after[operation.kind](operation);
    },
    afterCut: () => treeOf(root, base, new Map()),
    afterLuckyCut: (random) => {
      const [names, contents] = luckyChanges(base, { nodes, dirty, pending, random });
      return treeOf(root, base, contents, names);
    },
    unsynced: (path, isFree = () => false) => {
      const paths = new Map(allBelow(base).map((each) => [nodes.get(identity(each)), each]));
      const pathsOf = (together: readonly NameChange[]): string[] =>
        together.map(({ directory, name }) => join(paths.get(directory) ?? "", name));
      const names = pending.map(pathsOf).filter((together) => !together.some(isFree));
      const contents = [...dirty].flatMap((node) => paths.get(node) ?? []);
      return [...names.flat(), ...contents].filter((each) => each.startsWith(`${path}/`));
    },
  };
}

/** Makes the changes durable that `isSynced` selects, and earlier changes of the same names. */
function commit(
  pending: readonly (readonly NameChange[])[],
  isSynced: (change: NameChange) => boolean,
  make: (change: NameChange) => void = makeDurable,
): (readonly NameChange[])[] {
  const chosen = new Set<readonly NameChange[]>();
  for (const together of [...pending].reverse()) {
    const before = [...chosen].some((later) => later.some((one) => together.some(sameName(one))));
    if (before || together.some(isSynced)) chosen.add(together);
  }
  for (const together of pending) if (chosen.has(together)) together.forEach(make);
  return pending.filter((together) => !chosen.has(together));
}

function sameName(one: NameChange): (other: NameChange) => boolean {
  return ({ directory, name }) => directory === one.directory && name === one.name;
}

function makeDurable({ directory, name, node }: NameChange): void {
  if (node === undefined) directory.entries.delete(name);
  else directory.entries.set(name, node);
}

interface Unsynced {
  readonly nodes: ReadonlyMap<string, Node>;
  readonly dirty: ReadonlySet<Node>;
  readonly pending: readonly (readonly NameChange[])[];
  readonly random: Random;
}

type Names = Map<DirectoryNode, Map<string, Node>>;
type Contents = Map<Node, Buffer>;

/**
 * Selects a random half of the changes of names, with all earlier changes of the same names, and a
 * random half of the unsynced contents.
 */
function luckyChanges(
  base: string,
  { nodes, dirty, pending, random }: Unsynced,
): readonly [Names, Contents] {
  const names: Names = new Map();
  const lucky = new Set(pending.filter(() => random.chance(0.5)).flat());
  commit(
    pending,
    (change) => lucky.has(change),
    ({ directory, name, node }) => {
      const entries = names.get(directory) ?? new Map(directory.entries);
      names.set(directory, entries);
      if (node === undefined) entries.delete(name);
      else entries.set(name, node);
    },
  );
  const contents: Contents = new Map();
  for (const path of allBelow(base)) {
    const node = nodes.get(identity(path));
    if (node?.kind !== "file" || !dirty.has(node) || !random.chance(0.5)) continue;
    contents.set(node, readFileSync(path));
  }
  return [names, contents];
}

function register(tree: Tree, path: string, nodes: Map<string, Node>): Node {
  const { mode } = tree;
  const node: Node =
    tree.kind === "file"
      ? { kind: "file", mode, content: tree.content, linkTo: tree.linkTo }
      : { kind: "directory", mode, entries: new Map() };
  nodes.set(identity(path), node);
  if (tree.kind === "file" || node.kind === "file") return node;
  for (const [name, child] of tree.entries) {
    node.entries.set(name, register(child, join(path, name), nodes));
  }
  return node;
}

function treeOf(root: Node, base: string, contents: Contents, names: Names = new Map()): Tree {
  const build = (node: Node): Tree => {
    if (node.kind === "file") {
      const { mode, content, linkTo } = node;
      const link = linkTo === undefined ? {} : { linkTo };
      return { kind: "file", mode, content: contents.get(node) ?? content, ...link };
    }
    const entries = [...(names.get(node) ?? node.entries)].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      kind: "directory",
      mode: node.mode,
      entries: new Map(entries.map(([name, child]) => [name, build(child)])),
    };
  };
  return withCatalog(build(root) as TreeDirectory, base);
}

/** Adds the current files of SQLite. */
function withCatalog(tree: TreeDirectory, base: string): TreeDirectory {
  const store = tree.entries.get("root");
  if (store?.kind !== "directory") return tree;
  const entries = new Map(store.entries);
  for (const name of ["catalog.db", "catalog.db-wal"]) {
    entries.delete(name);
    const path = join(base, "root", name);
    if (lookAt(path) === undefined) continue;
    entries.set(name, { kind: "file", mode: 0o600, content: readFileSync(path) });
  }
  return { ...tree, entries: new Map(tree.entries).set("root", { ...store, entries }) };
}

/**
 * Returns the paths below a path, the deepest first, and the path itself last. Empty if the path
 * does not exist.
 */
function allBelow(path: string): string[] {
  const found = lookAt(path);
  if (found === undefined) return [];
  if (!found.isDirectory()) return [path];
  return [...readdirSync(path).flatMap((name) => allBelow(join(path, name))), path];
}

function lookAt(path: string): ReturnType<typeof lstatSync> {
  return lstatSync(path, { throwIfNoEntry: false });
}

function identity(path: string): string {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}
