// Renders aligned columns and lists of fields, without borders.
import Table from "cli-table3";
import stringWidth from "string-width";
import { dim } from "./color.js";
import { stdoutColumns } from "./stdio.js";

const gap = "  ";
/** No column is cut below this width, so that ids stay complete. */
const minCutWidth = 16;
const borderless = {
  chars: {
    ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
    ...{ bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" },
    ...{ left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "" },
    middle: gap,
  },
  style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
};

/** cli-table3 compares every cell with every other one, so a long table is laid out in blocks. */
const blockRows = 20;

type Rows = readonly (readonly string[])[];

/**
 * Columns are two spaces apart. On a narrow terminal, texts in the column titled `cut` end with an
 * ellipsis. In a pipe or a file nothing is cut.
 */
export function renderTable(
  header: readonly string[],
  rows: Rows,
  { cut, columns = stdoutColumns() }: { readonly cut?: string; readonly columns?: number } = {},
): string {
  const all = [header.map(dim), ...rows];
  const blocks: Rows[] = [];
  for (let from = 0; from < all.length; from += blockRows) {
    blocks.push(all.slice(from, from + blockRows));
  }
  const widths = header.map((_, column) =>
    all.reduce((width, row) => Math.max(width, stringWidth(row[column] ?? "")), 1),
  );
  const at = cut === undefined ? -1 : header.indexOf(cut);
  if (columns !== undefined && at !== -1) {
    const others = widths.reduce((sum, width, column) => sum + (column === at ? 0 : width), 0);
    const left = columns - others - gap.length * (header.length - 1);
    widths[at] = Math.min(widths[at] ?? 0, Math.max(minCutWidth, left));
  }
  return blocks.map((block) => layOut(block, widths)).join("");
}

function layOut(rows: Rows, widths: readonly number[]): string {
  const table = new Table({ ...borderless, colWidths: [...widths] });
  for (const row of rows) table.push([...row]);
  return `${table.toString().replace(/ +$/gm, "")}\n`;
}

/** Renders one line `Name:  value` for each field, with aligned values. */
export function renderFields(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 1;
  return fields.map(([name, value]) => `${`${name}:`.padEnd(width)}  ${value}\n`).join("");
}
