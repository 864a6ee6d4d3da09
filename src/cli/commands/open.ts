// Implements `stasis open`, which holds a lease on a snapshot's data directory while a command
// runs, or until Ctrl-C.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Command } from "commander";
import { OpenDataDirectoryResponseSchema } from "../../client/index.js";
import { fileError } from "../exit-codes.js";
import { forwardSignals } from "../forward-signals.js";
import { keepLease, retryForMs, type KeptLease } from "../kept-lease.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";

interface OpenOptions extends GlobalOptions {
  readonly force: boolean;
}

/** The environment variable that gives the command the path of the data. */
const dataDirectoryEnv = "STASIS_DATA_DIR";

export function addOpenCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("open")
    .summary("hold a snapshot's data directory open for reading")
    .description(
      "Prints the path of the data directory on the daemon's node and holds it open until Ctrl-C: " +
        "the snapshot cannot be deleted while it is open. The files must not be written to.\n\n" +
        `With COMMAND, runs it with the path in ${dataDirectoryEnv}, forwards SIGINT, SIGTERM, SIGHUP ` +
        "and SIGQUIT to it, and ends with its exit code. A Ctrl-C reaches COMMAND from the terminal, " +
        "and only once.\n\n" +
        "A daemon that restarts, or a proxy, can end the lease. Then this command says so on stderr, " +
        `and tries for up to ${retryForMs / 1000} s to acquire it again. During that time COMMAND runs ` +
        "on and nothing protects the files: others can delete or replace the snapshot. If the lease " +
        "cannot be acquired again, or the snapshot is gone, COMMAND gets SIGTERM, and this command " +
        "fails whatever the exit code of COMMAND is. If COMMAND ignores SIGTERM, it runs on without " +
        "protection.",
    )
    .argument("<ref>", "id, name or unique id prefix")
    .argument("[command...]", "command and its arguments, after --")
    .option("--force", "also if the snapshot is marked as damaged", false)
    .action(async (ref: string, words: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<OpenOptions>();
      const request = { ref, force: options.force };
      const ownSignals = words.length > 0;
      const body = async (session: Session): Promise<void> => {
        const { call, warn } = session;
        await using lease = await keepLease(session.client, { request, call, warn });
        if (ownSignals) setExitCode(await runCommand(session, lease, words));
        else await holdUntilInterrupted(session, lease);
      };
      await withSession(options, body, { ownSignals });
    });
}

async function holdUntilInterrupted(session: Session, { first, lost }: KeptLease): Promise<void> {
  await session.answer(
    () => messageJson(OpenDataDirectoryResponseSchema, first.response),
    () => `${first.directory}\n`,
  );
  session.note("held open until Ctrl-C");
  const error = await lost;
  if (error !== undefined) throw error;
}

/**
 * Returns the command's exit code, or 128 plus the number of the signal that ended it. If the lease
 * is lost, this sends SIGTERM to the command and throws the error of the lease, whatever the
 * command's exit code is.
 */
async function runCommand(
  session: Session,
  { first, lost, outcome }: KeptLease,
  words: readonly string[],
): Promise<number> {
  const [program = "", ...args] = words;
  const env = { ...process.env, [dataDirectoryEnv]: first.directory };
  const { child, stop: stopForwarding } = forwardSignals(() =>
    spawn(program, args, { stdio: "inherit", env }),
  );
  void lost.then((error) => {
    if (error === undefined) return;
    session.warn(`${error.text}; sending SIGTERM to ${program}`);
    child.kill("SIGTERM");
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", (error) => {
      // A program without a slash in its name was searched for in PATH.
      const access = program.includes("/") ? "run" : undefined;
      reject(fileError(error, `cannot run ${program}`, access));
    });
    child.on("exit", (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
  // From here on, a signal ends this program.
  stopForwarding();
  // The data existed until the command's end only if the lease is held now.
  const known = await Promise.race([outcome().then(() => true), nextTurn(false)]);
  if (!known) {
    session.warn(
      `${program} has ended with ${code}; waiting for the lease, which tells whether its data existed until then`,
    );
  }
  const loss = await outcome();
  if (loss !== undefined) throw loss;
  return code;
}
