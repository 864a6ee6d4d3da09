// Parses and formats sizes ("1.5GiB") and durations ("30s") in flags, environment and files.

/**
 * Bytes per unit. Both binary and decimal units are accepted. A bare "M" is not, because it would
 * be ambiguous.
 */
const bytesPerUnit: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};

const msPerUnit: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Returns a size in bytes. The text is a whole number of bytes, or a number with a unit. Undefined
 * if `text` is malformed.
 */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, bytesPerUnit, 1, { ignoreCase: true });
}

/**
 * Returns a duration in milliseconds. Returns undefined if `text` is malformed or is not a whole
 * number of milliseconds. Only "0" may omit its unit.
 */
export function parseDuration(text: string): number | undefined {
  if (text.trim() === "0") return 0;
  return parseQuantity(text, msPerUnit, undefined, { ignoreCase: false });
}

/**
 * Returns the size with the largest binary unit that divides it, such as "4MiB" or "1000B".
 * `parseSize` reads the text as the same size.
 */
export function formatSize(bytes: number): string {
  return formatQuantity(bytes, bytesPerUnit, ["TiB", "GiB", "MiB", "KiB"], "B");
}

/**
 * Returns the duration with the largest unit that divides it, such as "30s" or "1500ms".
 * `parseDuration` reads the text as the same duration.
 */
export function formatDuration(ms: number): string {
  return formatQuantity(ms, msPerUnit, ["d", "h", "m", "s"], "ms");
}

function parseQuantity(
  text: string,
  units: Readonly<Record<string, number>>,
  factorWithoutUnit: number | undefined,
  options: { readonly ignoreCase: boolean },
): number | undefined {
  const match = /^\s*(\d{1,16})(?:\.(\d{1,9}))?\s*([A-Za-z]*)\s*$/.exec(text);
  if (match === null) return undefined;
  const [, whole = "", fraction = "", unit = ""] = match;
  const factor = unit === "" ? factorWithoutUnit : unitFactor(unit, units, options.ignoreCase);
  if (factor === undefined) return undefined;
  // Floating point would turn 1.005 s into 1004.9999999999999 ms.
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole + fraction) * BigInt(factor);
  if (scaled % scale !== 0n) return undefined;
  const value = Number(scaled / scale);
  return Number.isSafeInteger(value) ? value : undefined;
}

function unitFactor(
  unit: string,
  units: Readonly<Record<string, number>>,
  ignoreCase: boolean,
): number | undefined {
  if (!ignoreCase) return Object.hasOwn(units, unit) ? units[unit] : undefined;
  const wanted = unit.toLowerCase();
  const found = Object.entries(units).find(([name]) => name.toLowerCase() === wanted);
  return found?.[1];
}

function formatQuantity(
  value: number,
  units: Readonly<Record<string, number>>,
  largestFirst: readonly string[],
  smallest: string,
): string {
  for (const unit of largestFirst) {
    const factor = units[unit] ?? 1;
    if (value >= factor && value % factor === 0) return `${value / factor}${unit}`;
  }
  return `${value}${smallest}`;
}
