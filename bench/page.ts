// `npm run lab -- bench-page NAME...`: writes the tables and plots of bench/results/NAME.json to
// docs/performance.md, one run after the other. Nobody types the figures there by hand.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plotGoals, plotRates } from "./plot.js";
import { formatValue, reaches, type Row } from "./report.js";

interface Report {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly rows: readonly Row[];
}

// dist/bench/ is two folders below the repository.
const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));
const reports = process.argv.slice(2).map((name) => {
  const text = readFileSync(inRepository(`bench/results/${name}.json`), "utf8");
  return { name, ...(JSON.parse(text) as Report) };
});
const rows = reports.flatMap((report) => report.rows);
const page = inRepository("docs/performance.md");
const between = /(<!-- results: .*? -->\n).*?(<!-- \/results -->)/s;
const before = readFileSync(page, "utf8");
if (!between.test(before)) throw new Error(`${page} has no place for results`);
writeFileSync(
  page,
  before.replace(between, (_all, start: string, end: string) => `${start}\n${sections()}\n${end}`),
);
writeFileSync(inRepository("docs/performance-goals.svg"), plotGoals(rows));
writeFileSync(inRepository("docs/performance-rates.svg"), plotRates(rows));

function sections(): string {
  return [
    "![what was asked for and what was reached](performance-goals.svg)",
    "",
    "![rates side by side](performance-rates.svg)",
    ...reports.map(section),
    "",
  ].join("\n");
}

function section({ name, machine, rows: measured }: Report & { readonly name: string }): string {
  const facts = Object.entries(machine).map(([key, value]) => `${key} ${value}`);
  const groups = [...new Set(measured.map(({ group }) => group))];
  return [
    `\nFrom \`bench/results/${name}.json\`: ${facts.join(", ").replaceAll("_", " ")}.`,
    ...groups.map((group) => `\n**${group}**\n\n${table(measured, group)}`),
  ].join("\n");
}

function table(all: readonly Row[], group: string): string {
  const cells = all
    .filter((row) => row.group === group)
    .map((row) => [row.name, ...figures(row), asked(row)]);
  const head = [
    ["case", "median", "lowest to highest", "asked"],
    ["---", "--:", "--:", "---"],
  ];
  const escaped = (line: readonly string[]): string[] =>
    line.map((cell) => cell.replaceAll("|", "\\|"));
  return [...head, ...cells].map((line) => `| ${escaped(line).join(" | ")} |`).join("\n");
}

function figures(row: Row): [string, string] {
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
