// Makes the flags of `stasis serve`, one for each option of the daemon. This file is loaded only
// for that command.
import { Option as Flag, type Command } from "commander";
import { daemonOptions } from "../config/daemon-options.js";
import { removedOptions } from "../config/removed-options.js";
import type { Option, RawValue } from "../config/option.js";

const options = Object.values(daemonOptions) as Option<unknown>[];

export function addDaemonFlags(command: Command): void {
  for (const option of options) command.addOption(flagOf(option));
  for (const { flag } of removedOptions) command.addOption(removedFlag(flag));
}

/**
 * Returns the value of each flag, by the flag's name without dashes. Undefined for a flag that the
 * command line does not contain.
 */
export function givenFlags(command: Command): Readonly<Record<string, RawValue | undefined>> {
  const values = command.opts<Readonly<Record<string, RawValue | undefined>>>();
  const valueOf = (flag: Flag) => values[flag.attributeName()];
  return Object.fromEntries([
    ...options.map((option) => [option.flag, valueOf(flagOf(option))] as const),
    ...removedOptions.map(({ flag }) => [flag, valueOf(removedFlag(flag))] as const),
  ]);
}

/**
 * Makes a flag that no longer exists. It is accepted, so that the error can say what to write
 * instead, and it is hidden from the help.
 */
function removedFlag(name: string): Flag {
  return new Flag(`--${name} [value]`).hideHelp();
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

function flagOf(option: Option<unknown>): Flag {
  const argument = option.placeholder === undefined ? "" : ` <${option.placeholder}>`;
  const facts = `default: ${option.defaultText}, env: ${option.env}`;
  const flag = new Flag(`--${option.flag}${argument}`, `${option.doc} (${facts})`);
  return option.repeatable ? flag.argParser(collect) : flag;
}
