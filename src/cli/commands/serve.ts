// stasis serve: runs the daemon. Its options are those of config/, one flag each.
import { Option as Flag, type Command } from "commander";
import { daemonOptions, type DaemonConfig } from "../../config/daemon-options.js";
import { configFileEnv, loadDaemonConfig } from "../../config/load.js";
import type { Option, RawValue } from "../../config/option.js";

/** Runs a daemon until it is told to end by a signal. */
export type Serve = (config: DaemonConfig) => Promise<void>;

export function addServeCommand(program: Command, serve: Serve): void {
  const command = program
    .command("serve")
    .summary("run the daemon")
    .description(
      "Runs the daemon until SIGTERM or SIGINT. Each option can also be set in the environment or " +
        "in a TOML file; a flag goes before the environment, that before the file.",
    )
    .option("--config <file>", `TOML file with options (env: ${configFileEnv})`);
  const flags = (Object.values(daemonOptions) as Option<unknown>[]).map((option) => {
    const flag = flagOf(option);
    command.addOption(flag);
    return { name: option.flag, attribute: flag.attributeName() };
  });
  command.action(async (given: Readonly<Record<string, RawValue | undefined>>) => {
    const { config: file } = given;
    const { config } = loadDaemonConfig({
      flags: Object.fromEntries(flags.map(({ name, attribute }) => [name, given[attribute]])),
      env: process.env,
      ...(file === undefined ? {} : { configFile: String(file) }),
    });
    await serve(config);
  });
}

function flagOf(option: Option<unknown>): Flag {
  const argument = option.placeholder === undefined ? "" : ` <${option.placeholder}>`;
  const facts = `default: ${option.defaultText}, env: ${option.env}`;
  return new Flag(`--${option.flag}${argument}`, `${option.doc} (${facts})`);
}
