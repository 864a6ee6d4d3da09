// Draws bars as SVG from a report. Plain text and rectangles are readable on light and dark pages.
import { formatValue, reaches, type Row } from "./report.js";

interface Bar {
  readonly label: string;
  /** Length of the bar as a share of the whole width. */
  readonly share: number;
  readonly color: string;
  readonly text: string;
}

const labelWidth = 330;
const barWidth = 420;
const textWidth = 190;
const lineHeight = 22;
const head = 34;
const ours = "#2f7fd1";
const theirs = "#9aa3ad";
const missed = "#d1562f";

/** Plots each value that has a goal, as a multiple of the required value. The line is at one. */
export function plotGoals(rows: readonly Row[]): string {
  const most = 2;
  const bars = rows
    .filter((row) => row.must !== undefined && row.unit !== "skipped")
    .map((row): Bar => {
      const must = row.must ?? Number.NaN;
      const multiple = row.atMost === true ? must / row.value : row.value / must;
      return {
        label: row.name,
        share: Math.min(most, multiple) / most,
        color: reaches(row, must) ? ours : missed,
        text: `${formatValue(row.value)}${row.unit === "ratio" ? "" : ` ${row.unit}`} (must ${must})`,
      };
    });
  return draw(
    "What was reached, as a multiple of what must be (cut at 2; the line is 1)",
    bars,
    0.5,
  );
}

/** Plots the rates of the dense cases next to those of their peers. */
export function plotRates(rows: readonly Row[]): string {
  const rates = rows.filter(({ unit }) => unit === "MiB/s");
  const dense = rates.filter(({ group }) => group === rates[0]?.group);
  const most = Math.max(...dense.map(({ value }) => value));
  const isOurs = (name: string): boolean => /^(Create|Import|Restore|Export)\b/.test(name);
  const bars = dense.map(({ name, value, unit }) => ({
    label: name,
    share: value / most,
    color: isOurs(name) ? ours : theirs,
    text: `${formatValue(value)} ${unit}`,
  }));
  return draw(`${dense[0]?.group ?? ""}: rates of one run side by side`, bars);
}

function draw(title: string, bars: readonly Bar[], lineAt?: number): string {
  const width = labelWidth + barWidth + textWidth;
  const height = head + bars.length * lineHeight + 10;
  const text = (x: number, y: number, anchor: string, value: string): string =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}">${escape(value)}</text>`;
  const lines = bars.flatMap(({ label, share, color, text: value }, index) => {
    const y = head + index * lineHeight;
    const length = Math.max(1, Math.round(share * barWidth));
    return [
      text(labelWidth - 8, y + 15, "end", label),
      `<rect x="${labelWidth}" y="${y + 3}" width="${length}" height="16" fill="${color}"/>`,
      text(labelWidth + length + 6, y + 15, "start", value),
    ];
  });
  const x = labelWidth + (lineAt ?? 0) * barWidth;
  const mark = `<line x1="${x}" y1="${head - 4}" x2="${x}" y2="${height - 6}" stroke="#777777"/>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
      `viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#777777">`,
    `<title>${escape(title)}</title>`,
    text(8, 20, "start", title),
    ...lines,
    ...(lineAt === undefined ? [] : [mark]),
    "</svg>",
    "",
  ].join("\n");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
