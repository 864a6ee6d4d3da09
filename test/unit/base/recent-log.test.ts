// Tests the log lines that a daemon keeps for a support bundle. They are the newest, and their
// memory is bounded.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, maxLogLineBytes } from "../../../src/base/logger.js";
import { createRecentLog, recentLogBytes } from "../../../src/base/recent-log.js";

const line = (index: number, width = 40): string => `${String(index).padEnd(width, ".")}\n`;

test("the newest lines are kept complete and in order, within the memory limit", () => {
  const log = createRecentLog(1000);
  for (let index = 0; index < 500; index += 1) {
    log.add(line(index));
    const text = log.text();
    assert.ok(Buffer.byteLength(text) <= 1000, `${Buffer.byteLength(text)} bytes`);
    const kept = text
      .trimEnd()
      .split("\n")
      .map((each) => Number.parseInt(each, 10));
    // Twelve of these lines fit into half of the memory.
    const fewest = Math.min(index + 1, 12);
    assert.ok(kept.length >= fewest, `${kept.length} lines`);
    const first = index - kept.length + 1;
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, at) => first + at),
    );
  }
});

test("memory is counted in bytes, not in characters", () => {
  const log = createRecentLog(1000);
  for (let index = 0; index < 100; index += 1) log.add(`${"€".repeat(30)}\n`);
  const text = log.text();
  assert.ok(Buffer.byteLength(text) <= 1000);
  assert.match(text, /^(€{30}\n)+$/);
});

test("a line that is longer than the memory is omitted, and the others are kept", () => {
  const log = createRecentLog(100);
  log.add(line(1, 10));
  log.add(line(2, 200));
  log.add(line(3, 10));
  assert.equal(log.text(), line(1, 10) + line(3, 10));
  // The logger shortens lines to far less than half of the memory.
  assert.ok(maxLogLineBytes < recentLogBytes / 2);
});

test("the lines are kept as the logger writes them, shortened if necessary", () => {
  const log = createRecentLog();
  const logger = createLogger("error", log);
  logger.info("below the level");
  logger.error({ text: "x".repeat(2 * maxLogLineBytes) }, "above it");
  const lines = log.text().trimEnd().split("\n");
  const [entry] = lines.map((each) => JSON.parse(each) as { message: string; cut: boolean });
  assert.equal(lines.length, 1);
  assert.deepEqual([entry?.message, entry?.cut], ["above it", true]);
});
