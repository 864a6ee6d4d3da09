// Tests how people see sizes, ages, tables and progress.
import assert from "node:assert/strict";
import { test } from "node:test";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  formatAge,
  formatBytes,
  formatBytesExactly,
  formatSeconds,
  printable,
} from "../../../src/cli/format.js";
import { createProgressBar, renderProgress } from "../../../src/cli/progress-bar.js";
import { renderFields, renderTable } from "../../../src/cli/table.js";

const mib = 1024 * 1024;

test("sizes are shown in units for people", () => {
  assert.equal(formatBytes(1_610_612_736n), "1.5 GiB");
  assert.equal(formatBytes(0), "0 B");
  assert.equal(formatBytesExactly(10n * 1024n ** 3n), "10 GiB (10737418240 bytes)");
  assert.equal(formatBytesExactly(3n), "3 B");
});

test("ages are shown in units for people", () => {
  const now = new Date("2030-06-15T12:00:00Z");
  const ago = (seconds: number): string =>
    formatAge(timestampFromDate(new Date(now.getTime() - seconds * 1000)), now);
  assert.equal(ago(2), "just now");
  assert.equal(ago(-100), "just now");
  assert.equal(ago(59), "59 seconds ago");
  assert.equal(ago(60), "1 minute ago");
  assert.equal(ago(3600 * 5), "5 hours ago");
  assert.equal(ago(86_400 * 3), "3 days ago");
  assert.equal(ago(86_400 * 65), "2 months ago");
  assert.equal(ago(86_400 * 800), "2 years ago");
  assert.equal(formatAge(undefined), "-");
});

test("a duration is shown in units for people", () => {
  assert.equal(formatSeconds(7.4), "7 s");
  assert.equal(formatSeconds(125), "2 min 05 s");
  assert.equal(formatSeconds(3900), "1 h 05 min");
});

test("control characters in data never reach the terminal", () => {
  assert.equal(printable("a\x1b[31mb\nc\u009b"), "a\\x1b[31mb\\x0ac\\x9b");
});

test("tables are aligned, and lines have no blanks at their end", () => {
  assert.equal(
    renderTable(
      ["NAME", "NOTE"],
      [
        ["long-name", ""],
        ["x", "protected"],
      ],
    ),
    ["NAME       NOTE", "long-name", "x          protected", ""].join("\n"),
  );
  assert.equal(
    renderFields([
      ["A", "1"],
      ["Longer", "2"],
    ]),
    "A:       1\nLonger:  2\n",
  );
});

test("a table of very many rows is printed in blocks that are aligned", () => {
  const rows = Array.from({ length: 5000 }, (_, index) => [
    `id-${index}`,
    index === 4321 ? "the widest of all" : "x",
    "end",
  ]);
  const lines = renderTable(["ID", "TEXT", "NAME"], rows).trimEnd().split("\n");
  assert.equal(lines.length, 5001);
  const column = "id-1234".length + 2 + "the widest of all".length + 2;
  assert.equal(lines[0]?.indexOf("NAME"), column);
  for (const line of lines.slice(1)) assert.equal(line.indexOf("end"), column, line);
});

test("a progress line is shown with and without a total", () => {
  const half = { doneBytes: 512 * mib, totalBytes: 1024 * mib };
  assert.equal(
    renderProgress("export", half, 256 * mib),
    "export  [============>           ]   50%  512 MiB / 1 GiB  256 MiB/s  2 s left",
  );
  assert.equal(
    renderProgress("export", { doneBytes: mib, totalBytes: 0 }, mib),
    "export  1 MiB  1 MiB/s",
  );
  assert.match(renderProgress("x", { doneBytes: 5, totalBytes: 5 }, 1), /\[={24}\] {2}100%/);
  assert.doesNotMatch(renderProgress("x", half, 0), /left/);
});

test("on 80 columns the bar becomes shorter, and the remaining time is complete", () => {
  let now = 0;
  const written: string[] = [];
  const terminal = { write: (text: string) => written.push(text), columns: 80 };
  const bar = createProgressBar("restore", terminal, () => now);
  for (; now <= 1000; now += 500) {
    bar.update({ doneBytes: 100.3 * mib + now * mib, totalBytes: 123_456.7 * mib });
  }
  const last = written.at(-1)?.slice("\r\x1b[K".length) ?? "";
  assert.match(last, /^restore {2}\[>? *\] .* left$/);
  assert.ok(last.length <= 79, last);
});

test("the bar redraws one line at most ten times a second, fits the terminal, and disappears", () => {
  let now = 0;
  const written: string[] = [];
  const terminal = { write: (text: string) => written.push(text), columns: 40 };
  const bar = createProgressBar("import", terminal, () => now);
  for (; now < 1000; now += 10) {
    bar.update({ doneBytes: now * 1000, totalBytes: 1_000_000 });
  }
  bar.stop();
  assert.ok(written.length <= 11, `${written.length} writes`);
  for (const text of written) {
    assert.ok(text.startsWith("\r\x1b[K") && !text.includes("\n"));
    assert.ok(text.length <= "\r\x1b[K".length + 39);
  }
  assert.equal(written.at(-1), "\r\x1b[K");
});
