// `npm run lab -- bench-page NAME`: writes the tables and plots of bench/results/NAME.json to
// docs/performance.md. Nobody types the figures there by hand.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plotGoals, plotRates } from "./plot.js";
import { formatValue, reaches, type Row } from "./report.js";

interface Report {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly rows: readonly Row[];
}

const name = process.argv[2] ?? "";
// dist/bench/ is two folders below the repository.
const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));
const report = JSON.parse(
  readFileSync(inRepository(`bench/results/${name}.json`), "utf8"),
) as Report;
const page = inRepository("docs/performance.md");
const between = /(<!-- results: .*? -->\n).*?(<!-- \/results -->)/s;
const before = readFileSync(page, "utf8");
if (!between.test(before)) throw new Error(`${page} has no place for results`);
writeFileSync(
  page,
  before.replace(between, (_all, start: string, end: string) => `${start}\n${tables()}\n${end}`),
);
writeFileSync(inRepository("docs/performance-goals.svg"), plotGoals(report.rows));
writeFileSync(inRepository("docs/performance-rates.svg"), plotRates(report.rows));

function tables(): string {
  const machine = Object.entries(report.machine).map(([key, value]) => `${key} ${value}`);
  const groups = [...new Set(report.rows.map(({ group }) => group))];
  return [
    `From \`bench/results/${name}.json\`: ${machine.join(", ").replaceAll("_", " ")}.`,
    "",
    "![what was asked for and what was reached](performance-goals.svg)",
    "",
    "![rates side by side](performance-rates.svg)",
    ...groups.map((group) => `\n**${group}**\n\n${table(group)}`),
    "",
  ].join("\n");
}

function table(group: string): string {
  const rows = report.rows.filter((row) => row.group === group);
  const cells = rows.map((row) => [row.name, ...measured(row), asked(row)]);
  const all = [
    ["case", "median", "lowest to highest", "asked"],
    ["---", "--:", "--:", "---"],
  ];
  const escaped = (line: readonly string[]): string[] =>
    line.map((cell) => cell.replaceAll("|", "\\|"));
  return [...all, ...cells].map((line) => `| ${escaped(line).join(" | ")} |`).join("\n");
}

function measured(row: Row): [string, string] {
  if (row.unit === "skipped") return [`skipped: ${row.note ?? ""}`, ""];
  const unit = row.unit === "ratio" ? "" : ` ${row.unit}`;
  const spread =
    row.low === undefined || row.high === undefined
      ? ""
      : `${formatValue(row.low)} to ${formatValue(row.high)}`;
  return [`${formatValue(row.value)}${unit}`, spread];
}

function asked(row: Row): string {
  if (row.must === undefined) return "";
  const aim = row.aim === undefined ? "" : `, aim ${row.aim}`;
  const bound = row.atMost === true ? "at most " : "";
  return `${reaches(row, row.must) ? "" : "**missed**: "}${bound}${row.must}${aim}`;
}
