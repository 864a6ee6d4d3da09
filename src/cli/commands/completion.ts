// Implements `stasis completion`, which prints scripts for shells, and implements the hidden
// command that they call.
import { Argument, type Command } from "commander";
import { connect } from "../../client/index.js";
import { readCredentials } from "../credentials.js";
import { complete } from "../completion.js";
import {
  completeCommand,
  completionScripts,
  filesMark,
  shells,
  type Shell,
} from "../completion-scripts.js";
import type { GlobalOptions } from "../session.js";
import { printOut } from "../stdio.js";

/** The prompt of the shell waits for the answer, so a late answer is useless. */
const refsTimeoutMs = 1000;
const pageSize = 200;

/** Adds the command. `addLateOptions` adds the options that a command gets only when it is used. */
export function addCompletionCommand(program: Command, addLateOptions: () => Promise<void>): void {
  program
    .command("completion")
    .summary("print a completion script for a shell")
    .description(
      'Prints a script for a shell to evaluate, for example in ~/.bashrc:\n  eval "$(stasis completion bash)"',
    )
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .action(async (shell: Shell) => printOut(completionScripts[shell]));

  program
    .command(completeCommand, { hidden: true })
    .argument("[words...]")
    .action(async (words: string[], _options: unknown, command: Command) => {
      if (words.includes("serve")) await addLateOptions();
      const options = command.optsWithGlobals<GlobalOptions>();
      const found = await complete(program, words, (prefix) => findRefs(options, prefix));
      const lines = found.words.map(({ value, description }) => `${value}\t${description}\n`);
      await printOut(found.files ? `${filesMark}\n` : lines.join(""));
    });
}

/**
 * Returns the names of the snapshots that `prefix` selects, or the ids of those without a name. If
 * there are no such snapshots, returns the ids of the newest ones. Empty if the daemon does not
 * answer.
 */
async function findRefs(global: GlobalOptions, prefix: string): Promise<readonly string[]> {
  const options = { timeoutMs: refsTimeoutMs };
  try {
    await using client = connect(global.addr, readCredentials(global, process.env));
    const named = await client.list({ pageSize, filter: { namePrefix: prefix } }, options);
    const names = named.snapshots.map(({ config }) => config?.name || (config?.id ?? ""));
    if (names.length > 0) return names;
    const any = await client.list({ pageSize }, options);
    return any.snapshots.map(({ config }) => config?.id ?? "");
  } catch {
    return [];
  }
}
