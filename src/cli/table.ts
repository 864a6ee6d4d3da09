// Aligned columns and lists of fields, without borders.

/**
 * Columns two spaces apart, the last one as long as it is. Cells that vary in width per character
 * (wide East Asian text) belong in the last column.
 */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows].map((row) => renderRow(row, widths)).join("");
}

function renderRow(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
  return `${cells.join("  ").trimEnd()}\n`;
}

/** `Name:  value` per line, values aligned. */
export function renderFields(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 1;
  return fields.map(([name, value]) => `${`${name}:`.padEnd(width)}  ${value}\n`).join("");
}
