// Runs one command line: from arguments to an exit code, with errors on stderr.
import { CommanderError } from "commander";
import { firstError } from "../base/errors.js";
import { StoreError } from "../client/index.js";
import {
  CliError,
  codeOfSystemError,
  exitCodeOf,
  fileError,
  exitCodes,
  isBrokenPipe,
  isSystemError,
  usageError,
} from "./exit-codes.js";
import { interruptedExitCode, interruptionText } from "./interrupt.js";
import { createProgram, type ProgramParts } from "./program.js";
import { renderJson } from "./session.js";
import { printErr } from "./stdio.js";

/**
 * Runs a command line and returns its exit code. `args` excludes the interpreter and the program.
 * The promise never rejects.
 */
export async function runCli(args: readonly string[], parts: ProgramParts): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = createProgram(parts, (code) => (exitCode = code));
  let unwritten: Error | undefined;
  process.stdout.on("error", (error: Error) => (unwritten = error));
  process.stderr.on("error", () => undefined);
  const json = args.includes("--json");
  try {
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync(helpLast(args), { from: "user" });
  } catch (error) {
    exitCode = report(error, json);
  }
  // The command-line library prints the help without waiting for the write.
  if (exitCode === exitCodes.ok) await new Promise((resolve) => setImmediate(resolve));
  if (exitCode !== exitCodes.ok || unwritten === undefined) return exitCode;
  return report(fileError(unwritten, "cannot write to stdout"), json);
}

/**
 * Turns `help serve` into `serve --help`, which also shows options that the command adds when used.
 */
function helpLast(args: readonly string[]): readonly string[] {
  const [first, command] = args;
  return first === "help" && command !== undefined ? [command, "--help"] : args;
}

function report(thrown: unknown, json: boolean): number {
  const error = firstError(thrown);
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.ok;
    if (error.code === "commander.help") return exitCodes.usage;
    const [message = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
    return report(usageError(message, suggestion?.replace(/^\((.*)\)$/, "$1")), json);
  }
  const interrupted = interruptedExitCode();
  if (isBrokenPipe(error)) return interrupted ?? exitCodes.brokenPipe;
  if (interrupted !== undefined) {
    const message = interruptionText() ?? "";
    printErr(json ? renderJson(interruptionJson(message)) : `stasis: ${message}\n`);
    return interrupted;
  }
  printErr(json ? renderJson(errorJson(error)) : errorText(error));
  return exitCodeOf(error);
}

const usageHint = "See `stasis --help`, or `stasis COMMAND --help`";

function errorText(error: unknown): string {
  const { message, hint } = facts(error);
  return `stasis: ${message}\n${hint === undefined ? "" : `hint: ${hint}\n`}`;
}

function errorJson(error: unknown): { error: Record<string, string | Record<string, string>> } {
  const { code, reason, message, hint, metadata } = facts(error);
  return { error: { code, reason, message, hint: hint ?? "", metadata: { ...metadata } } };
}

function interruptionJson(message: string) {
  const facts = { code: "CANCELLED", reason: "CALL_CANCELLED", message, hint: "", metadata: {} };
  return { error: facts };
}

interface ErrorFacts {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

function facts(error: unknown): ErrorFacts {
  if (error instanceof StoreError) return error;
  if (error instanceof CliError) {
    const { code, reason, message, hint } = error;
    const shown = hint ?? (reason === "USAGE" ? usageHint : undefined);
    return { code, reason, message, hint: shown, metadata: {} };
  }
  if (isSystemError(error)) {
    const { message } = error;
    const code = codeOfSystemError(error);
    return { code, reason: "FILE_FAILED", message, hint: undefined, metadata: {} };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const hint = "This is a fault of the program: please report it";
  return { code: "INTERNAL", reason: "INTERNAL", message, hint, metadata: {} };
}
