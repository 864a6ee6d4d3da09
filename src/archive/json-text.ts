// Handles JSON as text, so that no number loses a digit. The input must be text that JSON.parse
// accepts, except in `isDeeperThan`.

/** Returns whether braces and brackets nest deeper than `maxDepth`. Accepts any text. */
export function isDeeperThan(json: string, maxDepth: number): boolean {
  let depth = 0;
  for (const token of tokens(json)) {
    if (isOpening(token)) depth++;
    else if (isClosing(token)) depth--;
    if (depth > maxDepth) return true;
  }
  return false;
}

/**
 * Returns the members of an object in order, each value as compact JSON text. Equal keys stay
 * separate.
 */
export function objectMembers(json: string): (readonly [key: string, value: string])[] {
  const members: (readonly [string, string])[] = [];
  let depth = 0;
  let key: string | undefined;
  let value = "";
  for (const token of tokens(json)) {
    if (isClosing(token)) depth--;
    const endsMember = depth === 0 || (depth === 1 && token === ",");
    if (endsMember) {
      if (key !== undefined) members.push([key, value]);
      key = undefined;
      value = "";
    } else if (key === undefined) {
      key = JSON.parse(token) as string;
    } else if (value !== "" || token !== ":") {
      value += token;
    }
    if (isOpening(token)) depth++;
  }
  return members;
}

/** Returns the same JSON, indented by two spaces as JSON.stringify and Go do. */
export function indentJson(json: string): string {
  const parts: string[] = [];
  let depth = 0;
  let previous = "";
  for (const token of tokens(json)) {
    if (isClosing(token)) depth--;
    const startsLine = isClosing(token)
      ? !isOpening(previous)
      : isOpening(previous) || previous === ",";
    if (startsLine) parts.push("\n", "  ".repeat(depth));
    parts.push(token === ":" ? ": " : token);
    if (isOpening(token)) depth++;
    previous = token;
  }
  return parts.join("");
}

function isOpening(token: string): boolean {
  return token === "{" || token === "[";
}

function isClosing(token: string): boolean {
  return token === "}" || token === "]";
}

const structural = "{}[],:";
const whitespace = " \t\r\n";

/**
 * Yields the tokens of a JSON text. This does not use a regular expression for strings, which would
 * overflow its stack on long strings.
 */
function* tokens(json: string): Generator<string, void, undefined> {
  let start = 0;
  while (start < json.length) {
    const first = json.charAt(start);
    if (whitespace.includes(first)) {
      start++;
      continue;
    }
    let end = start + 1;
    if (first === '"') end = stringEnd(json, start);
    else if (!structural.includes(first)) end = literalEnd(json, start);
    yield json.slice(start, end);
    start = end;
  }
}

function stringEnd(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const character = json.charAt(at);
    if (character === "\\") at++;
    else if (character === '"') return at + 1;
  }
  return json.length;
}

function literalEnd(json: string, start: number): number {
  let end = start + 1;
  while (end < json.length && !`${structural}${whitespace}"`.includes(json.charAt(end))) end++;
  return end;
}
