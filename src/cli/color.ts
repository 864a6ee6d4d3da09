// Colour, where a person looks at it and has not asked for none (https://no-color.org).
import { stdoutIsTerminal } from "./stdio.js";

const [redCode, resetCode] = ["\x1b[31m", "\x1b[39m"];

/** For what is wrong, in text on stdout. */
export function red(text: string): string {
  return wantsColor() ? `${redCode}${text}${resetCode}` : text;
}

function wantsColor(): boolean {
  const { NO_COLOR, TERM } = process.env;
  return stdoutIsTerminal() && (NO_COLOR ?? "") === "" && TERM !== "dumb";
}
