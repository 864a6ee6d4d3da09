// Parses a metrics page for a test.

/** The values by `name{label="value",...}`. The labels have the order of the page. */
export type Page = ReadonlyMap<string, number>;

export function parsePage(text: string): Page {
  const page = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const at = line.lastIndexOf(" ");
    page.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return page;
}
