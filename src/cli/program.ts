// Assembles the command line: global options, all commands, help.
import { Command } from "commander";
import { addressEnv } from "../client/index.js";
import { durationArgument } from "./arguments.js";
import { addAdoptCommand, type ReadCocoonStore } from "./commands/adopt.js";
import { addCatCommand } from "./commands/cat.js";
import { addCheckCommand, type CheckOffline } from "./commands/check.js";
import { addCloneCommand } from "./commands/clone.js";
import { addCompletionCommand } from "./commands/completion.js";
import { addCreateCommand } from "./commands/create.js";
import { addDuCommand } from "./commands/du.js";
import { addGcCommand } from "./commands/gc.js";
import { addExportCommand } from "./commands/export.js";
import { addImportCommand } from "./commands/import.js";
import { addHealthCommand } from "./commands/health.js";
import { addInfoCommand } from "./commands/info.js";
import { addInspectCommand } from "./commands/inspect.js";
import { addListCommand } from "./commands/list.js";
import { addOpenCommand } from "./commands/open.js";
import { addRemoteCommand, type RemotesOffline } from "./commands/remote.js";
import { addRemoveCommand } from "./commands/remove.js";
import { addRepairCommand, type RepairOffline } from "./commands/repair.js";
import { addRestoreCommand } from "./commands/restore.js";
import { addServeCommand, type Serve } from "./commands/serve.js";
import { addSupportBundleCommand } from "./commands/support-bundle.js";
import { addTakeCommand } from "./commands/take.js";
import { addTokenCommand } from "./commands/token.js";
import { addPullCommand, addPushCommand, addTransfersCommand } from "./commands/transfer.js";
import { addUpdateCommand } from "./commands/update.js";
import { addVerifyCommand } from "./commands/verify.js";
import { addWatchCommand } from "./commands/watch.js";
import { addWebCommand } from "./commands/web.js";
import { exitCodesHelp } from "./exit-codes.js";

export interface ProgramParts {
  readonly version: string;
  readonly serve: Serve;
  readonly checkOffline: CheckOffline;
  readonly repairOffline: RepairOffline;
  readonly remotesOffline: RemotesOffline;
  readonly readCocoonStore: ReadCocoonStore;
}

/** Commands for snapshots and their data that need nothing but a client. */
const dataCommands = [
  ...[addCreateCommand, addListCommand, addInspectCommand, addUpdateCommand, addRemoveCommand],
  ...[
    addRestoreCommand,
    addCatCommand,
    addCloneCommand,
    addTakeCommand,
    addExportCommand,
    addImportCommand,
  ],
  ...[addPushCommand, addTransfersCommand],
];

/** Returns the program. `setExitCode` receives the code of a command that ends without an error. */
export function createProgram(parts: ProgramParts, setExitCode: (code: number) => void): Command {
  const program = new Command("stasis")
    .description("Stores microVM snapshots: saves, finds, streams and restores them.")
    .version(parts.version, "-V, --version")
    .option(
      "--addr <address>",
      `address of the daemon, unix:PATH or HOST:PORT (env: ${addressEnv}; default: the socket of your ` +
        "own daemon, of the system service or of root's daemon, whichever answers first)",
    )
    .option("--json", "answer with one JSON document on stdout, errors with one on stderr", false)
    .option("-q, --quiet", "no progress, no remarks", false)
    .option("--no-progress", "no progress bar")
    .option("--timeout <duration>", "give up after this time", durationArgument)
    .option("--tls", "use TLS with the certificate authorities of this machine (env: STASIS_TLS=1)")
    .option(
      "--tls-ca <file>",
      "use TLS with the certificate authorities in this file (env: STASIS_TLS_CA)",
    )
    .option("--tls-cert <file>", "client certificate to present (env: STASIS_TLS_CERT)")
    .option("--tls-key <file>", "key of that certificate (env: STASIS_TLS_KEY)")
    .option("--token-file <file>", "file with the bearer token to present (env: STASIS_TOKEN_FILE)")
    .addHelpText("after", `\n${exitCodesHelp}`)
    .showSuggestionAfterError()
    // The descriptions mention the important defaults. A "(default: false)" at every switch would
    // be noise.
    .configureHelp({ showGlobalOptions: true, optionDescription: (option) => option.description })
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  for (const add of dataCommands) add(program);
  addPullCommand(program, setExitCode);
  addOpenCommand(program, setExitCode);
  addVerifyCommand(program, setExitCode);
  addCheckCommand(program, parts.checkOffline, setExitCode);
  addRepairCommand(program, parts.repairOffline, setExitCode);
  addRemoteCommand(program, parts.remotesOffline, setExitCode);
  addAdoptCommand(program, parts.readCocoonStore, setExitCode);
  addWatchCommand(program);
  addGcCommand(program, setExitCode);
  addDuCommand(program);
  addInfoCommand(program);
  addHealthCommand(program);
  addWebCommand(program);
  addSupportBundleCommand(program, setExitCode);
  addTokenCommand(program);
  const addDaemonFlags = addServeCommand(program, parts.serve);
  addCompletionCommand(program, addDaemonFlags);
  // A command copies these settings only when it is added to its parent.
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}
