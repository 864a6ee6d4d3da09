// A store that cocoon has written: its index, in SQLite or JSON, and where the data directories are.
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
import { StoreError } from "../base/errors.js";
import { readCocoonTable } from "../catalog/cocoon-table.js";
import type { SnapshotConfig } from "../model/config.js";

export interface CocoonSnapshot {
  /** With cocoon's id, and the keys that we do not know. */
  readonly config: SnapshotConfig;
  /** As cocoon wrote it; may be empty. */
  readonly createdAt: string;
  /** Cocoon had not finished it. */
  readonly pending: boolean;
  /** Cocoon had begun to delete its files. */
  readonly deleting: boolean;
  /** Undefined if there is none, neither where cocoon keeps it nor where the record says. */
  readonly directory: string | undefined;
}

/** Keys of a record that are no part of its configuration. */
const recordKeys = ["created_at", "data_dir", "pending", "size_bytes", "last_accessed_at"];

/**
 * Reads, and changes nothing. Throws DIRECTORY_NOT_FOUND if `root` holds no store of cocoon, OPERATION_IN_PROGRESS while
 * cocoon is converting it, and ARCHIVE_INVALID for records that are none.
 */
export async function readCocoonStore(root: string): Promise<readonly CocoonSnapshot[]> {
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
  const { records, tombstones } = await readIndex(absolute);
  const snapshots = records.map((record) => readRecord(absolute, record, tombstones));
  return await Promise.all(snapshots);
}

interface CocoonIndex {
  readonly records: readonly JsonObject[];
  /** By the id of a snapshot. */
  readonly tombstones: ReadonlyMap<string, JsonObject>;
}

async function readIndex(root: string): Promise<CocoonIndex> {
  const database = join(root, "meta", "meta.db");
  if (await exists(database)) {
    const open = (text: string) => openJsonObject(checkJson(text, database), database);
    const { records, tombstones } = readCocoonTable(database);
    return {
      records: records.map(open),
      tombstones: new Map([...tombstones].map(([id, text]) => [id, open(text)])),
    };
  }
  const index = join(root, "snapshot", "db", "snapshots.json");
  // The one before is there in case that the newest was cut by a crash: cocoon falls back to it, too.
  const files = [index, `${index}.prev`];
  let problem: Error | undefined;
  for (const file of files) {
    if (!(await exists(file))) continue;
    try {
      const text = checkJson(await readFile(file, "utf8"), file);
      const whole = openJsonObject(text, file);
      const records = [...membersOf(whole, "snapshots").values()];
      return { records, tombstones: membersOf(whole, "tombstones") };
    } catch (error) {
      problem ??= error as Error;
    }
  }
  if (problem !== undefined) throw problem;
  throw new StoreError("DIRECTORY_NOT_FOUND", `${root} holds no store of cocoon`, {
    hint: `Neither ${database} nor ${index} is there: name the root that cocoon was given`,
  });
}

function membersOf(index: JsonObject, key: string): ReadonlyMap<string, JsonObject> {
  const objects = objectMember(index, key);
  if (objects === undefined) return new Map();
  const members = [...objects.members.keys()].map((id) => [id, objectMember(objects, id)] as const);
  // Null stands for a record that is none.
  return new Map(members.flatMap(([id, member]) => (member === undefined ? [] : [[id, member]])));
}

function checkJson(text: string, file: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    throw archiveInvalid(`${file}: no valid JSON: ${(cause as Error).message}`);
  }
}

async function readRecord(
  root: string,
  record: JsonObject,
  tombstones: ReadonlyMap<string, JsonObject>,
): Promise<CocoonSnapshot> {
  const { unknown, ...known } = decodeConfig(record, {});
  const kept = Object.entries(unknown.config).filter(([key]) => !recordKeys.includes(key));
  const config = { ...known, unknown: { ...unknown, config: Object.fromEntries(kept) } };
  // Where cocoon keeps it now goes first: the record's path is that of the day on which it was made.
  const places = [join(root, "snapshot", "localfile", config.id), stringMember(record, "data_dir")];
  const tombstone = tombstones.get(config.id);
  const found = await Promise.all(places.map((place) => isDirectory(place)));
  return {
    config,
    createdAt: stringMember(record, "created_at"),
    pending: booleanMember(record, "pending"),
    // In the phase before this one, "leased", no file is touched, and cocoon gives the deletion up.
    deleting: tombstone !== undefined && stringMember(tombstone, "phase") === "deleting",
    directory: config.id === "" ? undefined : places.find((_, index) => found[index]),
  };
}

async function isDirectory(path: string): Promise<boolean> {
  if (path === "") return false;
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
