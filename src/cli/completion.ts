// Completes command lines for shells. It finds the possible next words by walking the program's own
// commands.
import type { Argument, Command, Option } from "commander";

interface Completions {
  readonly words: readonly Word[];
  /** True if paths fit too. The shell completes them. */
  readonly files: boolean;
}

interface Word {
  readonly value: string;
  readonly description: string;
}

/** Returns names and ids of snapshots. Some of them may not begin with `prefix`. */
type FindRefs = (prefix: string) => Promise<readonly string[]>;

const none: Completions = { words: [], files: false };
const files: Completions = { words: [], files: true };

/**
 * Returns the possible next words. `words` are the words after the program's name up to the cursor.
 * The last one is being typed, and may be empty.
 */
export async function complete(
  program: Command,
  words: readonly string[],
  findRefs: FindRefs,
): Promise<Completions> {
  const current = words.at(-1) ?? "";
  const { command, positionals, awaiting, onlyArguments } = walk(program, words.slice(0, -1));
  if (awaiting !== undefined) return optionValues(awaiting, current);
  if (current.startsWith("-") && !onlyArguments) {
    return startingWith(current, optionWords(program, command));
  }
  if (command === program) return startingWith(current, commandWords(program));
  const argument = argumentAt(command, positionals);
  return argument === undefined ? none : argumentValues(argument, current, findRefs);
}

interface Position {
  readonly command: Command;
  /** Number of arguments of the command before the cursor. */
  readonly positionals: number;
  /** The option whose value is being typed. Undefined if no such option precedes the cursor. */
  readonly awaiting: Option | undefined;
  /** True if `--` precedes the cursor, so that no options follow. */
  readonly onlyArguments: boolean;
}

function walk(program: Command, words: readonly string[]): Position {
  let command = program;
  let positionals = 0;
  let awaiting: Option | undefined;
  let onlyArguments = false;
  for (const word of words) {
    if (awaiting !== undefined) awaiting = undefined;
    else if (onlyArguments) positionals += 1;
    else if (word === "--") onlyArguments = true;
    else if (word.startsWith("-") && word !== "-") awaiting = needsValue(program, command, word);
    else if (command === program) command = findCommand(program, word) ?? command;
    else positionals += 1;
  }
  return { command, positionals, awaiting, onlyArguments };
}

function needsValue(program: Command, command: Command, word: string): Option | undefined {
  if (word.includes("=")) return undefined;
  const option = optionsOf(program, command).find(
    ({ short, long }) => word === short || word === long,
  );
  return option?.required === true ? option : undefined;
}

function findCommand(program: Command, name: string): Command | undefined {
  return program.commands.find(
    (command) => command.name() === name || command.aliases().includes(name),
  );
}

function optionsOf(program: Command, command: Command): readonly Option[] {
  return command === program ? program.options : [...command.options, ...program.options];
}

function optionWords(program: Command, command: Command): readonly Word[] {
  const help = { value: "--help", description: "display help for command" };
  const words = optionsOf(program, command).map((option) => ({
    value: option.long ?? option.short ?? "",
    description: option.description,
  }));
  return [...words, help];
}

function commandWords(program: Command): readonly Word[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .map((command) => ({ value: command.name(), description: command.summary() }));
}

/** Matches the flags of options whose argument is a path, such as `--to <dir>`. */
const pathArguments = /<(file|dir|path)>/i;

function optionValues(option: Option, current: string): Completions {
  if (option.argChoices !== undefined) return startingWith(current, plain(option.argChoices));
  return pathArguments.test(option.flags) ? files : none;
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const { registeredArguments: all } = command;
  const last = all.at(-1);
  return all[index] ?? (last?.variadic === true ? last : undefined);
}

async function argumentValues(
  argument: Argument,
  current: string,
  findRefs: FindRefs,
): Promise<Completions> {
  if (argument.argChoices !== undefined) return startingWith(current, plain(argument.argChoices));
  switch (argument.name()) {
    case "ref":
      return startingWith(current, plain(await findRefs(current)));
    case "source":
    case "command":
      return files;
    default:
      return none;
  }
}

function plain(values: readonly string[]): readonly Word[] {
  return values.map((value) => ({ value, description: "" }));
}

function startingWith(current: string, words: readonly Word[]): Completions {
  return { words: words.filter(({ value }) => value.startsWith(current)), files: false };
}
