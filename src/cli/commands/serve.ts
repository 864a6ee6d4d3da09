// Implements `stasis serve`, which runs the daemon.
import type { Command } from "commander";
import type { DaemonConfig } from "../../config/daemon-options.js";

/** Runs a daemon until a signal ends it. */
export type Serve = (config: DaemonConfig) => Promise<void>;

interface ServeOptions {
  readonly config?: string;
}

/**
 * Adds the command, and returns a function that adds the flags of the daemon's options. Call that
 * function only when the command is used, because the schema of the options takes as long to load
 * as the rest of a client command.
 */
export function addServeCommand(program: Command, serve: Serve): () => Promise<void> {
  const command = program
    .command("serve")
    .summary("run the daemon")
    .description(
      "Runs the daemon until SIGTERM or SIGINT. Each option can also be set in the environment or " +
        "in a TOML file. A flag takes precedence over the environment, and that over the file.",
    )
    .option("--config <file>", "TOML file with options (env: STASIS_CONFIG)")
    .action(async ({ config: configFile }: ServeOptions) => {
      const [{ loadDaemonConfig }, { givenFlags }] = await Promise.all([
        import("../../config/load.js"),
        import("../daemon-flags.js"),
      ]);
      const { config } = loadDaemonConfig({
        flags: givenFlags(command),
        env: process.env,
        ...(configFile === undefined ? {} : { configFile }),
      });
      await serve(config);
    });
  const addFlags = async (): Promise<void> => {
    const { addDaemonFlags } = await import("../daemon-flags.js");
    addDaemonFlags(command);
  };
  program.hook("preSubcommand", (_program, subcommand) =>
    subcommand === command ? addFlags() : undefined,
  );
  return addFlags;
}
