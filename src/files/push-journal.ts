// Keeps the journal of a push, so that a push that was cut off can continue with the packs that it
// has stored. A journal only saves work: each line has a checksum, a line that cannot be read is
// skipped, and a line that cannot be written is left out.
import { constants } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { disk } from "../holes/file-operations.js";
import { digestOf } from "./block-digest.js";
import type { Layout } from "./layout.js";
import { listEntries } from "./removal.js";

/**
 * The journal of the push of one snapshot to one repository. Only one push may use it at a time.
 */
export interface PushJournal {
  /** Returns the note of the last `restart` and the notes that were added since then, in order. */
  notes(): Promise<readonly unknown[]>;
  /** Replaces all notes with this one. */
  restart(note: object): Promise<void>;
  add(note: object): Promise<void>;
  discard(): Promise<void>;
}

interface KeptJournal {
  readonly name: string;
  /** Id of the snapshot that is pushed. */
  readonly snapshotId: string;
}

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
const suffix = ".push";
const checksumLength = 16;
/** A longer file is ignored: `add` did not write it, or its snapshot is too large to be noted. */
const maxJournalBytes = 256 * 1024 * 1024;

/** Returns the name of the journal of a push. Both ids consist of lower case letters and digits. */
export function pushJournalName(snapshotId: string, repositoryId: string): string {
  return `${snapshotId}-${repositoryId}`;
}

export function openPushJournal(layout: Layout, name: string): PushJournal {
  const path = join(layout.transfersRoot, `${name}${suffix}`);
  const write = async (note: object, flag: number): Promise<void> => {
    const text = JSON.stringify(note);
    const line = `${checksumOf(text)} ${text}\n`;
    const options = { mode: 0o600, flag: O_WRONLY | O_CREAT | O_NOFOLLOW | flag };
    await disk.writeFile(path, line, options).catch(() => undefined);
  };
  return {
    notes: () => readNotes(path),
    restart: (note) => write(note, O_TRUNC),
    add: (note) => write(note, O_APPEND),
    discard: () => disk.rm(path, { force: true }),
  };
}

/** Lists the journals that pushes have left. */
export async function listPushJournals(layout: Layout): Promise<KeptJournal[]> {
  const kept: KeptJournal[] = [];
  for (const entry of await listEntries(layout.transfersRoot)) {
    const [, name = "", snapshotId = ""] = /^(([0-9a-z]+)-[0-9a-z]+)\.push$/.exec(entry) ?? [];
    if (name !== "") kept.push({ name, snapshotId });
  }
  return kept;
}

async function readNotes(path: string): Promise<unknown[]> {
  try {
    if ((await stat(path)).size > maxJournalBytes) return [];
    const lines = (await readFile(path, "utf8")).split("\n");
    return lines.flatMap((line) => noteOf(line) ?? []);
  } catch {
    return [];
  }
}

function noteOf(line: string): unknown {
  const text = line.slice(checksumLength + 1);
  if (line.slice(0, checksumLength) !== checksumOf(text)) return undefined;
  return JSON.parse(text) as unknown;
}

function checksumOf(text: string): string {
  return digestOf("blake3", Buffer.from(text)).toString("hex").slice(0, checksumLength);
}
