// Colour, on a terminal and unless NO_COLOR is set (https://no-color.org).
import { stdoutIsTerminal } from "./stdio.js";

const [redCode, resetCode] = ["\x1b[31m", "\x1b[39m"];

/** Marks problems in text on stdout. */
export function red(text: string): string {
  return wantsColor() ? `${redCode}${text}${resetCode}` : text;
}

function wantsColor(): boolean {
  const { NO_COLOR, TERM } = process.env;
  return stdoutIsTerminal() && (NO_COLOR ?? "") === "" && TERM !== "dumb";
}
