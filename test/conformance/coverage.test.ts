// Tests that the gap check finds a gap of each kind, and that an empty run does not count as a
// success.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Scenario } from "./compile.js";
import { gapsOf } from "./coverage.js";
import { checkout } from "./languages.js";

const text = readFileSync(join(checkout, "test", "conformance", "scenario.json"), "utf8");
const gaps = (changed: string) =>
  gapsOf(JSON.parse(changed) as Scenario, join(checkout, "gen", "stasis.binpb"));

test("the scenario leaves nothing out", () => {
  assert.deepEqual(gaps(text), []);
});

for (const [what, from, to, gap] of [
  ["a call", "GcService/RenewGc", "GcService/EndGc", "no step calls GcService/RenewGc"],
  [
    ...["a frame that is sent", '"commit":', '"none":'],
    'no step sends SnapshotService/Import a frame "commit"',
  ],
  [
    ...["a frame that comes", '"blocks":', '"none":'],
    'no step expects "blocks" of ReplicationService/GetManifest',
  ],
  ["a reason", '"GC_LOCK_BUSY"', '"OTHER"', "no step expects GC_LOCK_BUSY"],
  ["an excuse", '"ROOT_LOCKED":', '"OTHER":', "no step expects ROOT_LOCKED"],
] as const) {
  test(`without ${what} the check reports a gap`, () => {
    assert.ok(text.includes(from));
    assert.ok(
      gaps(text.replaceAll(from, to)).includes(gap),
      gaps(text.replaceAll(from, to)).join(),
    );
  });
}

test("an empty run counts as a failure", () => {
  const program = fileURLToPath(new URL("run.js", import.meta.url));
  for (const args of [["golang"], ["--transport", "udp"], ["--case", "no such case"]]) {
    const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^Usage: /m);
  }
});

test("a language whose toolchain is missing is not run, which fails in CI", () => {
  const program = fileURLToPath(new URL("run.js", import.meta.url));
  for (const [ci, expected] of [
    ["true", 1],
    ["", 0],
  ] as const) {
    const args = [program, "go", "rust", "--case", "what the daemon is"];
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      env: { PATH: "/nowhere", CI: ci },
      timeout: 60_000,
    });
    assert.equal(status, expected, stdout);
    assert.match(stdout, /^what the daemon is +not run +not run +not run +not run$/m);
  }
});
