// Plays states of one recording in a process with its own mounts. For each state it makes the disk,
// mounts it at the daemon's path, starts a daemon on it, judges the store, and prints one JSON
// line.
import { execFile } from "node:child_process";
import { mkdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { mountImage, unmount } from "../support/filesystem.js";
import { judgeAfterCut } from "./after-cut.js";
import { judgeAfterLies } from "./after-lies.js";
import { openDiskStates, type DiskState } from "./disk-states.js";
import { startHere, startProgram } from "./here.js";
import { createLedger } from "./ledger.js";
import { filesOf, loadRecording, type Recording } from "./recording.js";
import { isOwnBuild } from "./served.js";
import type { Verdict } from "./state.js";

export interface ReplayJob {
  /** Names the current path of the recording. */
  readonly directory: string;
  readonly states: readonly DiskState[];
}

export interface ReplayResult extends DiskState, Verdict {}

/** One state in this many starts the program itself instead of a daemon in this process. */
const programEvery = 40;
const stateLimitMs = 90_000;

const exec = promisify(execFile);

async function main([text = ""]: readonly string[]): Promise<void> {
  const { directory, states } = JSON.parse(text) as ReplayJob;
  const recording = await loadRecording(directory);
  const made = await showAt(directory, recording.directory);
  const { playground } = filesOf(recording.directory);
  await mkdir(playground, { recursive: true });
  await exec("mount", ["-t", "tmpfs", "tmpfs", playground]);
  const disks = await openDiskStates(recording, join(playground, "start.img"));
  const image = join(playground, "state.img");
  for (const state of states) {
    const tooLong = setTimeout(() => {
      process.stderr.write(`no verdict on ${JSON.stringify(state)}\n`);
      process.exit(1);
    }, stateLimitMs);
    await disks.make(state, image);
    const verdict = await play(recording, state, image).catch(unexpected);
    await rm(image);
    clearTimeout(tooLong);
    process.stdout.write(`${JSON.stringify({ ...state, ...verdict } satisfies ReplayResult)}\n`);
  }
  await exec("umount", [playground]);
  for (const each of made) {
    await exec("umount", [each]);
    await rmdir(each);
  }
}

/** Makes a kept recording available at its original path. Returns the directories made for that. */
async function showAt(directory: string, original: string): Promise<string[]> {
  if (directory === original) return [];
  await mkdir(original, { recursive: true });
  await exec("mount", ["--bind", directory, original]);
  return [original];
}

function unexpected(error: unknown): Verdict {
  return { problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)] };
}

async function play(recording: Recording, state: DiskState, image: string): Promise<Verdict> {
  const { mountPoint, root, playground } = filesOf(recording.directory);
  await mountImage(image, mountPoint);
  try {
    const owed = createLedger(undefined, recording.notes).expect(recording.from + state.offset);
    const place = { root, socket: join(playground, "d.sock") };
    // Another build cannot be loaded next to this one, so it always runs as a program.
    const withProgram = !isOwnBuild || state.pick % programEvery === 0;
    const start = withProgram ? startProgram : startHere;
    const judge = recording.lies ? judgeAfterLies : judgeAfterCut;
    return await judge(recording, owed, place, start);
  } finally {
    await unmount(mountPoint);
  }
}

await main(process.argv.slice(2));
