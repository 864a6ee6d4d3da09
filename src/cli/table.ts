// Renders aligned columns and lists of fields, without borders.
import Table from "cli-table3";
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

/**
 * Columns are two spaces apart. On a narrow terminal, texts in the column titled `cut` end with an
 * ellipsis. In a pipe or a file nothing is cut.
 */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { cut, columns = stdoutColumns() }: { readonly cut?: string; readonly columns?: number } = {},
): string {
  const all = [header, ...rows];
  const at = cut === undefined ? -1 : header.indexOf(cut);
  if (columns === undefined || at === -1) return layOut(all);
  const others = header.map((_, column) => (column === at ? 0 : widthOf(all, column)));
  const taken = others.reduce((sum, width) => sum + width, gap.length * (header.length - 1));
  const width = Math.max(minCutWidth, columns - taken);
  return layOut(all, widthOf(all, at) <= width ? undefined : { at, width });
}

function layOut(
  rows: readonly (readonly string[])[],
  limit?: { readonly at: number; readonly width: number },
): string {
  const colWidths: (number | null)[] = [];
  if (limit !== undefined) colWidths[limit.at] = limit.width;
  const table = new Table({ ...borderless, colWidths });
  for (const row of rows) table.push([...row]);
  return `${table.toString().replace(/ +$/gm, "")}\n`;
}

/** The width in terminal cells; some characters take two. An empty row is padded to it. */
function widthOf(rows: readonly (readonly string[])[], column: number): number {
  const table = new Table(borderless);
  for (const row of rows) table.push([row[column] ?? ""]);
  table.push([""]);
  return table.toString().split("\n").at(-1)?.length ?? 0;
}

/** `Name:  value` per line, values aligned. */
export function renderFields(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 1;
  return fields.map(([name, value]) => `${`${name}:`.padEnd(width)}  ${value}\n`).join("");
}
