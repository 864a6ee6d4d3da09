// Makes source directories for tests, stores and restores them, and compares the results.
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { readTar } from "../../src/archive/tar-reader.js";
import type { ByteStream } from "../../src/base/async.js";
import { openLocalSource } from "../../src/client/local-source.js";
import { countProgress } from "../../src/client/progress.js";
import { unpackInto } from "../../src/client/unpack.js";
import { compareFiles, makeSparseFile, patternBytes, type Piece } from "../support/scratch.js";
import { owned } from "../support/chunks.js";
import type { CreateHeader, PlainSnapshot, Reading, StoreCalls } from "./subject.js";

export const kib = 1024;
export const mib = 1024 * kib;
export const gib = 1024 * mib;

export interface SourceFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly pieces: readonly Piece[];
  readonly mode?: number;
}

/** Returns a run of nonzero data. */
export function piece(offset: number, length: number): Piece {
  return { offset, bytes: patternBytes(length, offset + length) };
}

export async function makeSource(directory: string, files: readonly SourceFile[]): Promise<string> {
  await mkdir(directory);
  for (const { name, sizeBytes, pieces, mode = 0o600 } of files) {
    await makeSparseFile(join(directory, name), sizeBytes, pieces);
    await chmod(join(directory, name), mode);
  }
  return directory;
}

/** Makes the files of a small VM: a disk and a memory image with holes, and small dense files. */
export async function makeSmallSource(directory: string, seed = 1): Promise<string> {
  return makeSource(directory, [
    { name: "config.json", sizeBytes: 0, pieces: [], mode: 0o644 },
    { name: "cow.raw", sizeBytes: 3 * mib, pieces: [piece(64 * kib, 8 * kib + seed)] },
    { name: "memory-ranges", sizeBytes: mib, pieces: [piece(0, 4 * kib), piece(700 * kib, 5000)] },
    { name: "state.json", sizeBytes: 3000 + seed, pieces: [piece(0, 3000 + seed)], mode: 0o640 },
  ]);
}

/** Yields the tar that Create expects. */
export async function* packDirectory(directory: string): ByteStream {
  const source = await openLocalSource(directory);
  yield* source.pack({});
}

export function createFrom(
  store: StoreCalls,
  directory: string,
  header: CreateHeader = {},
): Promise<PlainSnapshot> {
  return store.create(packDirectory(directory), header);
}

/** Makes `directory` from the stream, which is read to its end. */
export async function unpackReading(reading: Reading, directory: string): Promise<string> {
  await using whole = reading;
  await unpackInto(directory, owned(whole.bytes), {
    sync: false,
    progress: countProgress(0, undefined),
  });
  return directory;
}

export async function restoreTo(
  store: StoreCalls,
  ref: string,
  directory: string,
): Promise<string> {
  return unpackReading(await store.restore(ref), directory);
}

/** Fails unless both directories contain the same files with the same bytes, holes and modes. */
export async function compareDirectories(actual: string, expected: string): Promise<void> {
  await compareContents(actual, expected);
  for (const name of await readdir(expected)) {
    assert.equal(
      await modeOf(join(actual, name)),
      await modeOf(join(expected, name)),
      `mode of ${name}`,
    );
  }
}

/**
 * Fails unless `stored`, a snapshot's directory in the store, contains the files of `expected`, all
 * read-only.
 */
export async function compareStored(stored: string, expected: string): Promise<void> {
  await compareContents(stored, expected);
  assert.equal(await modeOf(stored), 0o550, `mode of ${stored}`);
  for (const name of await readdir(expected)) {
    assert.equal(await modeOf(join(stored, name)), 0o440, `mode of ${name}`);
  }
}

/** Fails unless both directories contain the same files with the same bytes and holes. */
export async function compareContents(actual: string, expected: string): Promise<void> {
  const names = (await readdir(expected)).sort();
  assert.deepEqual((await readdir(actual)).sort(), names);
  for (const name of names) await compareFiles(join(actual, name), join(expected, name));
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

/**
 * Returns all bytes. Each piece is copied, because it is valid only until the next one is
 * requested.
 */
export async function collect(bytes: ByteStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const each of bytes) pieces.push(Buffer.from(each));
  return Buffer.concat(pieces);
}

export async function* streamOf(...pieces: readonly Uint8Array[]): ByteStream {
  await Promise.resolve();
  yield* pieces;
}

/** Returns the names of a tar's entries in their order. */
export async function entryNames(tar: AsyncIterable<Uint8Array>): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of readTar(owned(tar))) names.push(entry.name);
  return names;
}

/** Returns the text of `snapshot.json` in an archive. */
export async function envelopeText(archive: Buffer): Promise<string> {
  for await (const entry of readTar(owned(streamOf(archive)))) {
    if (entry.name !== "snapshot.json") continue;
    const pieces: Buffer[] = [];
    for await (const each of entry.pieces()) pieces.push(Buffer.from(each.chunk.bytes));
    return Buffer.concat(pieces).toString();
  }
  throw new Error("the archive has no envelope");
}

export async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"));
}

/** Returns the claims about the files in the envelope of an export. */
export function claimsOf({ files }: Pick<PlainSnapshot, "files">): { readonly files: unknown } {
  const claims = files.map(({ name, sizeBytes, digest }) => [
    name,
    { size: sizeBytes, digest, blocks: "blake3" },
  ]);
  return { files: Object.fromEntries(claims) };
}

export interface Gate {
  open(): void;
  readonly opened: Promise<void>;
}

export function createGate(): Gate {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

/** Yields the first half of the bytes, and the rest once the gate is open. */
export async function* heldBack(bytes: Uint8Array, gate: Gate): ByteStream {
  const middle = Math.floor(bytes.length / 2);
  yield bytes.subarray(0, middle);
  await gate.opened;
  yield bytes.subarray(middle);
}

/** Returns the entries of one of the store's own directories. */
export async function entriesOf(
  root: string,
  part: "data" | "staging" | "trash" | "quarantine",
): Promise<string[]> {
  return (await readdir(join(root, part))).sort();
}
