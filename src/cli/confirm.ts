// Asks the user before a command does something that cannot be undone.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { StoreError } from "../base/errors.js";

interface Question {
  /** The question, for example `Remove all unprotected snapshots?`. */
  readonly question: string;
  /** The effect of the command, for the error if nobody can be asked. */
  readonly effect: string;
  readonly hint: string;
  /** The state if the user does not agree, for example `nothing was removed`. */
  readonly otherwise: string;
}

/**
 * Asks on the terminal. Throws CALL_CANCELLED unless the user types yes, and FIELD_INVALID if there
 * is no terminal.
 */
export async function confirm({ question, effect, hint, otherwise }: Question): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new StoreError("FIELD_INVALID", effect, { hint });
  }
  process.stderr.write(`${question} Type yes: `);
  // The terminal itself edits the line, so that Ctrl-C ends the program as usual.
  const lines = createInterface({ input: process.stdin, terminal: false });
  let answer: string | undefined;
  lines.once("line", (line) => {
    answer = line;
    lines.close();
  });
  // The reading ends without a line on Ctrl-D, or if the terminal is gone.
  await once(lines, "close");
  if (answer === undefined) process.stderr.write("\n");
  if (answer?.trim() !== "yes") throw new StoreError("CALL_CANCELLED", otherwise);
}
