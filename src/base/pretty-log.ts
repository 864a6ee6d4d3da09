// Formats log entries for a terminal: `12:34:56.789 WARN  message  key=value`, in local time.

const colors: Readonly<Record<string, string>> = {
  fatal: "\x1b[31m",
  error: "\x1b[31m",
  warn: "\x1b[33m",
};
const resetColor = "\x1b[39m";
const levelWidth = 5;

/**
 * Formats an entry. `line` is JSON in which terminal control characters are escaped, and they stay
 * escaped.
 */
export function prettyLine(line: string, { color }: { readonly color: boolean }): string {
  const entry = JSON.parse(line) as Record<string, unknown>;
  const { level, time, message, err, ...rest } = entry;
  const name = textOf(level);
  const label = name.toUpperCase().padEnd(levelWidth);
  const shownLevel = color && name in colors ? `${colors[name]}${label}${resetColor}` : label;
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${shownValue(value)}`);
  const head = [timeOfDay(time), shownLevel, escaped(textOf(message))].join(" ");
  return `${[head, ...fields].join("  ")}\n${shownError(err)}`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function timeOfDay(time: unknown): string {
  const date = new Date(textOf(time));
  const two = (value: number, width = 2): string => String(value).padStart(width, "0");
  const [hours, minutes] = [date.getHours(), date.getMinutes()];
  const seconds = `${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`;
  return `${two(hours)}:${two(minutes)}:${seconds}`;
}

/**
 * Returns the lines of an error: its stack, or its message if it has no stack, then its causes and
 * its hint.
 */
function shownError(err: unknown): string {
  if (typeof err !== "object" || err === null) return "";
  const { message, hint, causes, stack } = err as Record<string, unknown>;
  const lines = [
    typeof stack === "string" ? stack : message,
    ...(Array.isArray(causes) ? causes.map((cause) => `because: ${textOf(cause)}`) : []),
    ...(typeof hint === "string" ? [`hint: ${hint}`] : []),
  ];
  const text = lines.filter((line) => typeof line === "string" && line !== "").join("\n");
  return text.replace(/^.*$/gm, (each) => `    ${escaped(each)}\n`).replaceAll("\n\n", "\n");
}

function shownValue(value: unknown): string {
  const text = textOf(value);
  return /^[\w./:@+-]+$/.test(text) ? text : escaped(JSON.stringify(value));
}

function escaped(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}
