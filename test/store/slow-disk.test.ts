// Tests a disk with 100 ms per sync: readers wait for one or two commits, not for those of all
// writers.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../src/client/index.js";
import { run } from "../support/child.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { cannotStrace, withScratchDir } from "../support/scratch.js";
import { makeSmallSource, packDirectory } from "./contents.js";

const writers = 60;
const syncMs = 100;

test(
  "a read during many writes does not wait for all their commits",
  { skip: cannotStrace() },
  () =>
    withScratchDir(async (scratch) => {
      const root = join(scratch, "root");
      const source = await makeSmallSource(join(scratch, "source"));
      await using daemon = await startDaemonProcess(root, { "access-flush": "1h" });
      await using client = connect(daemon.address);
      await using reader = connect(daemon.address);
      await client.create({ config: { name: "web" } }, packDirectory(source));
      const log = join(root, "catalog.db-wal");
      await using strace = run("strace", [
        ...["-f", "-p", String(daemon.pid), "-P", log, "-e", "trace=fsync,fdatasync"],
        ...["-e", `inject=fsync,fdatasync:delay_exit=${syncMs * 1000}`],
      ]);
      await strace.line(/^strace: Process \d+ attached/);
      let writing = true;
      const updates = Promise.all(
        Array.from({ length: writers }, (_, index) =>
          client.update({
            ref: "web",
            description: String(index),
            updateMask: { paths: ["description"] },
          }),
        ),
      ).finally(() => (writing = false));
      let slowestMs = 0;
      while (writing) {
        const begin = performance.now();
        await reader.inspect("web");
        slowestMs = Math.max(slowestMs, performance.now() - begin);
      }
      await updates;
      strace.signal("SIGTERM");
      await strace.exited;
      // All commits together block for more than six seconds.
      assert.ok(slowestMs < (writers * syncMs) / 2, `a read took ${Math.round(slowestMs)} ms`);
    }),
);
