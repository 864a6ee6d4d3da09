// Reads a store that cocoon has written: its index, in SQLite or JSON, and the locations of its
// data directories.
import { access, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { decodeConfig } from "../archive/envelope-config.js";
import { archiveInvalid } from "../archive/archive-invalid.js";
import {
  booleanMember,
  objectMember,
  openJsonObject,
  stringMember,
  type JsonObject,
} from "../archive/json-object.js";
import { isStoreError, StoreError } from "../base/errors.js";
import { readCocoonTable, type CocoonTable } from "./cocoon-table.js";
import type { SnapshotConfig } from "../model/config.js";
import { ioError, isErrno, withIoError, type IoContext } from "../holes/errno.js";

interface CocoonSnapshot {
  /** The configuration with cocoon's id, and the keys that stasis does not know. */
  readonly config: SnapshotConfig;
  /** The time of creation as cocoon wrote it. The text may be empty. */
  readonly createdAt: string;
  /** True if cocoon had not finished the snapshot. */
  readonly pending: boolean;
  /** True if cocoon had begun to delete the snapshot's files. */
  readonly deleting: boolean;
  /**
   * Undefined if there is a directory neither at cocoon's current place nor at the recorded path.
   */
  readonly directory: string | undefined;
}

interface CocoonStore {
  readonly snapshots: readonly CocoonSnapshot[];
  /** The problem of the newest index if an older one was read instead. Otherwise empty. */
  readonly remark: string;
}

/** Keys of a record that are not part of its configuration. */
const recordKeys = ["created_at", "data_dir", "pending", "size_bytes", "last_accessed_at"];

/**
 * Reads the store and changes nothing. Throws DIRECTORY_NOT_FOUND if `root` contains no cocoon
 * store, OPERATION_IN_PROGRESS while cocoon converts it, and ARCHIVE_INVALID for malformed records.
 * If a part exists but cannot be read, this throws the error of `ioError`. It neither falls back to
 * an older index nor treats the data as missing.
 */
export async function readCocoonStore(root: string): Promise<CocoonStore> {
  const absolute = resolve(root);
  const manifest = join(absolute, "meta", "meta-convert.manifest");
  if (await exists(manifest)) {
    throw new StoreError(
      "OPERATION_IN_PROGRESS",
      `${manifest}: cocoon's index is being converted`,
      {
        hint: "Finish it with `cocoon meta convert`",
      },
    );
  }
  const { records, tombstones, remark } = await readIndex(absolute);
  const snapshots = records.map((record) => readRecord(absolute, record, tombstones));
  return { snapshots: await Promise.all(snapshots), remark };
}

interface CocoonIndex {
  readonly records: readonly JsonObject[];
  /** Deletions in progress, by the id of the snapshot. */
  readonly tombstones: ReadonlyMap<string, JsonObject>;
  readonly remark: string;
}

async function readIndex(root: string): Promise<CocoonIndex> {
  const database = join(root, "meta", "meta.db");
  if (await exists(database)) {
    const open = (text: string) => openJsonObject(checkJson(text, database), database);
    const { records, tombstones } = readTable(database);
    return {
      records: records.map(open),
      tombstones: new Map([...tombstones].map(([id, text]) => [id, open(text)])),
      remark: "",
    };
  }
  const index = join(root, "snapshot", "db", "snapshots.json");
  // The previous index is kept in case a crash truncates the newest one. Cocoon also falls back to
  // the previous index.
  const files = [index, `${index}.prev`];
  let problem: Error | undefined;
  for (const file of files) {
    if (!(await exists(file))) continue;
    try {
      const content = await withIoError(indexContext(file), () => readFile(file, "utf8"));
      const whole = openJsonObject(checkJson(content, file), file);
      const records = [...membersOf(whole, "snapshots").values()];
      const older = problem ?? new Error(`${index} is not there`);
      const remark = file === index ? "" : `${older.message}; the content of ${file} is older`;
      return { records, tombstones: membersOf(whole, "tombstones"), remark };
    } catch (error) {
      if (!isStoreError(error, "ARCHIVE_INVALID")) throw error;
      problem ??= error;
    }
  }
  if (problem !== undefined) throw problem;
  throw new StoreError("DIRECTORY_NOT_FOUND", `${root} contains no store of cocoon`, {
    hint: `Neither ${database} nor ${index} is there: name the root that cocoon was given`,
  });
}

function readTable(file: string): CocoonTable {
  try {
    return readCocoonTable(file);
  } catch (error) {
    throw ioError(error, indexContext(file));
  }
}

function indexContext(path: string): IoContext {
  return { what: "read cocoon's index", path, owner: "caller" };
}

function membersOf(index: JsonObject, key: string): ReadonlyMap<string, JsonObject> {
  const objects = objectMember(index, key);
  if (objects === undefined) return new Map();
  const members = [...objects.members.keys()].map((id) => [id, objectMember(objects, id)] as const);
  // Records that are null are left out.
  return new Map(members.flatMap(([id, member]) => (member === undefined ? [] : [[id, member]])));
}

function checkJson(text: string, file: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    throw archiveInvalid(`${file}: invalid JSON: ${(cause as Error).message}`);
  }
}

async function readRecord(
  root: string,
  record: JsonObject,
  tombstones: ReadonlyMap<string, JsonObject>,
): Promise<CocoonSnapshot> {
  const { unknown, ...known } = decodeConfig(record, {});
  // The id becomes the name of directories, one of which is deleted before it is made again.
  if ([".", ".."].includes(known.id) || known.id.includes("/")) {
    throw archiveInvalid(`id ${JSON.stringify(known.id)} of a record: no name of a directory`);
  }
  const kept = Object.entries(unknown.config).filter(([key]) => !recordKeys.includes(key));
  const config = { ...known, unknown: { ...unknown, config: Object.fromEntries(kept) } };
  // Cocoon's current place takes precedence: the recorded path dates from the time of the snapshot.
  const places = [join(root, "snapshot", "localfile", config.id), stringMember(record, "data_dir")];
  const tombstone = tombstones.get(config.id);
  return {
    config,
    createdAt: stringMember(record, "created_at"),
    pending: booleanMember(record, "pending"),
    // In the earlier phase, "leased", cocoon has not touched a file, and it abandons the deletion.
    deleting: tombstone !== undefined && stringMember(tombstone, "phase") === "deleting",
    directory: config.id === "" ? undefined : await firstDirectory(places),
  };
}

async function firstDirectory(places: readonly string[]): Promise<string | undefined> {
  for (const place of places) {
    const found = place === "" ? undefined : await unlessAbsent(place, () => stat(place));
    if (found?.isDirectory() === true) return place;
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return (await unlessAbsent(path, async () => (await access(path), true))) ?? false;
}

/**
 * Calls `look`. Returns undefined if nothing exists at `path`. A path that we may not access is an
 * error and does not count as absent.
 */
async function unlessAbsent<T>(path: string, look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG")) return undefined;
    throw ioError(error, { what: "look into cocoon's store", path, owner: "caller" });
  }
}
