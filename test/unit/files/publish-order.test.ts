// Tests the order of the system calls that make a snapshot durable. A power cut does not reveal a
// missing fsync of a directory if another fsync flushes the same journal, so the test checks the
// calls.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Layout } from "../../../src/files/layout.js";
import { newSnapshotId } from "../../../src/model/name.js";
import { cannotStrace } from "../../support/scratch.js";
import { withStore } from "./support.js";

const child = fileURLToPath(new URL("publish-child.js", import.meta.url));
const skip = cannotStrace();

interface Traced {
  /** The output of the child. */
  readonly answer: string;
  /** The calls in the order in which they began, each with its name and its path below the root. */
  readonly calls: readonly string[];
}

async function publishTraced(layout: Layout, log: string, inject?: string): Promise<Traced> {
  const id = newSnapshotId();
  const strace = ["-f", "-y", "-qq", "-o", log, "-e", "trace=fsync,fdatasync,renameat2,rename"];
  if (inject !== undefined) strace.push("-e", `inject=${inject}`);
  const program = [process.execPath, child, layout.root, id];
  const { stdout } = spawnSync("strace", [...strace, ...program], {
    encoding: "utf8",
    // The pool has one thread, because strace counts calls per thread when it fails the n-th.
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const text = await readFile(log, "utf8");
  const answer = stdout.trim();
  return { answer, calls: callsIn(text.replaceAll(layout.root, "").replaceAll(id, "ID")) };
}

/** Parses the calls. Fails if a call begins before the previous call has ended. */
function callsIn(text: string): string[] {
  const calls: string[] = [];
  let unfinished: string | undefined;
  for (const line of text.split("\n")) {
    if (line.includes(" resumed>")) {
      unfinished = undefined;
      continue;
    }
    const match = /^\d+ +(\w+)\((?:\d+<([^>]*)>|.*?"([^"]*)")/.exec(line);
    if (match === null) continue;
    assert.equal(unfinished, undefined, "one call at a time");
    const call = `${match[1] ?? ""} ${match[2] ?? match[3] ?? ""}`;
    if (line.includes("<unfinished")) unfinished = call;
    calls.push(call);
  }
  return calls;
}

const order = [
  "fsync /staging/ID/files/config.json",
  "fsync /staging/ID/files/memory",
  "fsync /staging/ID/files",
  "fsync /staging/ID/blocks/0000.blk",
  "fsync /staging/ID/blocks/0001.blk",
  "fsync /staging/ID/blocks",
  "fsync /staging/ID/manifest.json",
  "fsync /staging/ID",
  "fsync /staging",
  "renameat2 /staging/ID",
  "fsync /data",
  "fsync /staging",
];
const moved = order.indexOf("renameat2 /staging/ID");

test(
  "publishing syncs files, names, tables, manifest and staging, then renames, then syncs again",
  { skip },
  () =>
    withStore(async (layout, directory) => {
      const { answer, calls } = await publishTraced(layout, join(directory, "log"));
      assert.equal(answer, "stored");
      assert.deepEqual(calls, order);
      assert.equal((await readdir(layout.dataRoot)).length, 1);
    }),
);

test("a failed fsync is never retried, and nothing remains", { skip }, () =>
  withStore(async (layout, directory) => {
    const syncs = order.filter((call) => call.startsWith("fsync"));
    for (const [index, failing] of syncs.entries()) {
      const inject = `fsync:error=EIO:when=${index + 1}`;
      const { answer, calls } = await publishTraced(layout, join(directory, "log"), inject);
      assert.equal(answer, "IO_FAILED", failing);
      const files = calls.filter((call) => call.includes("/ID"));
      const synced = files.filter((call) => call.startsWith("fsync"));
      assert.equal(new Set(synced).size, synced.length, `no file synced twice after ${failing}`);
      const renames = calls.filter((call) => call === "renameat2 /staging/ID");
      assert.equal(renames.length, index < moved ? 0 : 1, failing);
      assert.deepEqual(await readdir(layout.dataRoot), [], failing);
      assert.deepEqual(await readdir(layout.stagingRoot), [], failing);
      assert.deepEqual(await readdir(layout.trashRoot), [], failing);
    }
  }),
);

test("a rename that fails publishes nothing", { skip }, () =>
  withStore(async (layout, directory) => {
    for (const [errno, reason] of [
      ["EIO", "IO_FAILED"],
      ["ENOSPC", "STORAGE_FULL"],
      ["EROFS", "STORE_READ_ONLY"],
    ] as const) {
      const inject = `renameat2:error=${errno}:when=1`;
      const { answer, calls } = await publishTraced(layout, join(directory, "log"), inject);
      assert.equal(answer, reason);
      assert.deepEqual(calls, order.slice(0, moved + 1));
      assert.deepEqual(await readdir(layout.dataRoot), []);
      assert.deepEqual(await readdir(layout.stagingRoot), []);
    }
  }),
);

test("on a kernel without renameat2 the older rename is used", { skip }, () =>
  withStore(async (layout, directory) => {
    const inject = "renameat2:error=ENOSYS";
    const { answer, calls } = await publishTraced(layout, join(directory, "log"), inject);
    assert.equal(answer, "stored");
    assert.deepEqual(calls, [
      ...order.slice(0, moved + 1),
      "rename /staging/ID",
      ...order.slice(moved + 1),
    ]);
  }),
);
