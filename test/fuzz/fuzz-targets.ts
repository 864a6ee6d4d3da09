// Lists the parsers that are fuzzed, and how to call each with one input.

export const fuzzTargets = [
  "tar",
  "pax",
  "sparse",
  "envelope",
  "manifest",
  "block-table",
  "zstd-frames",
  "zstd-block",
  "remote-pack",
  "remote-map",
  "remote-commit",
] as const;

export type FuzzTarget = (typeof fuzzTargets)[number];

/** Throws to report a finding. */
export type FuzzFunction = (data: Buffer) => void | Promise<void>;

export async function loadTarget(target: FuzzTarget): Promise<FuzzFunction> {
  const { fuzz } = (await import(targetModule(target).href)) as { fuzz: FuzzFunction };
  return fuzz;
}

export function targetModule(target: FuzzTarget): URL {
  return new URL(`./targets/${target}.js`, import.meta.url);
}
