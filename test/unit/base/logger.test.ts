// Tests the format of the log, for programs and for a person at a terminal.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pino } from "pino";
import { buildInfo } from "../../../src/base/build-info.js";
import { StoreError } from "../../../src/base/errors.js";
import { logFormat, type Logger } from "../../../src/base/logger.js";
import { prettyLine } from "../../../src/base/pretty-log.js";
import { makeScratch } from "../../support/daemon.js";
import { startDaemonProcess } from "../../support/daemon-process.js";
import { eventually } from "../../support/eventually.js";
import { finished, startOnTerminal } from "../cli/run-stasis.js";

interface Entry {
  readonly level: string;
  readonly time: string;
  readonly message: string;
  readonly err: Readonly<Record<string, unknown>>;
  readonly version: string;
  readonly commit: string;
}

/** Returns the entry that `write` logs. */
function entryOf(write: (logger: Logger) => void): Entry {
  let text = "";
  write(pino(logFormat("trace"), { write: (line) => (text += line) }));
  return JSON.parse(text) as Entry;
}

function thrownBySystem(): unknown {
  try {
    return readFileSync("/nonexistent/file");
  } catch (error) {
    return error;
  }
}

test("levels are names, and times have the format ISO 8601", () => {
  for (const level of ["trace", "debug", "info", "warn", "error", "fatal"] as const) {
    const entry = entryOf((logger) => logger[level]({ a: 1 }, "said"));
    assert.deepEqual([entry.level, entry.message], [level, "said"]);
    assert.match(entry.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  }
});

test("an expected error is logged without a stack, and an unexpected error with its stack", () => {
  const cause = new Error("ENOSPC: no space left on device, write");
  const options = { hint: "Add space", metadata: { errno: "ENOSPC" }, cause };
  const full = new StoreError("STORAGE_FULL", "cannot write the file", options);
  assert.deepEqual(entryOf((logger) => logger.warn({ err: full }, "no")).err, {
    reason: "STORAGE_FULL",
    code: "RESOURCE_EXHAUSTED",
    message: "cannot write the file",
    hint: "Add space",
    metadata: { errno: "ENOSPC" },
    causes: ["ENOSPC: no space left on device, write"],
  });
  const { err: system } = entryOf((logger) => logger.warn({ err: thrownBySystem() }, "no"));
  assert.deepEqual(Object.keys(system), ["message"]);
  const faults = [new TypeError("x is not a function"), new StoreError("INTERNAL", "a fault")];
  for (const fault of faults) {
    const { err } = entryOf((logger) => logger.error({ err: fault }, "no"));
    assert.match(String(err["stack"]), /\n +at .*logger\.test/);
  }
});

test("at a terminal an entry is a line without control characters", () => {
  const line = JSON.stringify({
    level: "warn",
    time: "2026-01-02T03:04:05.678Z",
    message: "look\u009b31m",
    name: "a b",
    size: 12,
    list: ["x"],
    err: { message: "full\x1b[2J", hint: "Add space", causes: ["ENOSPC"] },
  });
  const shown = prettyLine(line, { color: false });
  const [first = "", ...rest] = shown.split("\n");
  assert.match(
    first,
    /^\d\d:\d\d:05\.678 WARN {2}look\\u009b31m {2}name="a b" {2}size=12 {2}list=\["x"\]$/,
  );
  assert.deepEqual(rest, ["    full\\u001b[2J", "    because: ENOSPC", "    hint: Add space", ""]);
  assert.match(prettyLine(line, { color: true }), /33mWARN .*39m look/);
  const stack = "Error: no\n    at here\n    at there";
  const fault = prettyLine(JSON.stringify({ level: "error", message: "m", err: { stack } }), {
    color: false,
  });
  assert.match(fault, /ERROR m\n {4}Error: no\n {8}at here\n {8}at there\n$/);
});

test("the daemon logs its version and commit when it starts", async (t: TestContext) => {
  const root = join(await makeScratch(t, "stasis-logger-"), "root");
  await using daemon = await startDaemonProcess(root);
  const line =
    daemon
      .output()
      .split("\n")
      .find((each) => each.includes('"started"')) ?? "";
  const { level, message, version, commit } = JSON.parse(line) as Entry;
  assert.deepEqual([level, message, { version, commit }], ["info", "started", buildInfo()]);
});

test("on a terminal the daemon's log is text", async (t: TestContext) => {
  const scratch = await makeScratch(t, "stasis-logger-");
  const args = ["serve", "--root", join(scratch, "root"), "--reserve", "0"];
  const terminal = startOnTerminal(args, { columns: 200 });
  t.after(() => terminal.kill("SIGKILL"));
  let shown = "";
  terminal.stdout?.on("data", (bytes: Buffer) => (shown += bytes.toString()));
  const end = finished(terminal);
  await eventually("the start", () => shown.includes("data in ") || terminal.exitCode !== null);
  // The terminal sends Ctrl-C.
  terminal.stdin?.write("\x03");
  assert.equal((await end).code, 0, shown);
  assert.match(shown, /^\d\d:\d\d:\d\d\.\d{3} INFO {2}started {2}version=\S+ {2}commit=\S+/m);
  assert.doesNotMatch(shown, /^\{/m);
});
