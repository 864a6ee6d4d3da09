// Colours text on a terminal. NO_COLOR switches colour off (https://no-color.org). FORCE_COLOR
// switches it on even without a terminal, and off if its value is `0` or `false`
// (https://force-color.org). FORCE_COLOR takes precedence.
import { stdoutIsTerminal } from "./stdio.js";

const reset = "\x1b[39m";

/** Marks problems in text on stdout. */
export function red(text: string): string {
  return paint("\x1b[31m", text, reset);
}

/** Marks a state that deserves attention and is not a problem. */
export function yellow(text: string): string {
  return paint("\x1b[33m", text, reset);
}

/** Dims the titles of columns, which are not a part of the answer. */
export function dim(text: string): string {
  return paint("\x1b[2m", text, "\x1b[22m");
}

function paint(code: string, text: string, end: string): string {
  return text !== "" && wantsColor() ? `${code}${text}${end}` : text;
}

function wantsColor(): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "") {
    return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  }
  return stdoutIsTerminal() && (NO_COLOR ?? "") === "" && TERM !== "dumb";
}
