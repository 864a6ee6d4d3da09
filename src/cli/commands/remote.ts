// Implements `stasis remote check`, which tries a bucket of the configuration. The other
// subcommands of `stasis remote` have files of their own.
import type { Command } from "commander";
import {
  RemoteCheckOutcome,
  RemoteCheckStepSchema,
  RemoteCheckVerdictSchema,
  RemoteUsability,
  type CheckRemoteResponse,
  type ListRemotesResponse,
  type RemoteCheckStep,
  type RemoteCheckVerdict,
} from "../../client/index.js";
import { countArgument } from "../arguments.js";
import { red } from "../color.js";
import { exitCodes } from "../exit-codes.js";
import { printable } from "../format.js";
import { explainInterruption, interruption } from "../interrupt.js";
import { messageJson, renderJson, withSession, type GlobalOptions } from "../session.js";
import { printErr, printOut } from "../stdio.js";
import { word } from "./check.js";
import { addRemoteList } from "./remote-list.js";
import { addRemoteGc } from "./remote-gc.js";
import { addRemoteRemove } from "./remote-remove.js";
import { addRemoteVerify } from "./remote-verify.js";

/**
 * Lists and checks the remotes of a configuration file without a daemon, in the types of the API.
 */
export interface RemotesOffline {
  list(configFile: string): Promise<ListRemotesResponse>;
  check(
    configFile: string,
    name: string,
    options: { readonly rounds?: number; readonly signal: AbortSignal },
  ): AsyncIterable<CheckRemoteResponse>;
}

interface RemoteFlags extends GlobalOptions {
  readonly config?: string;
}

interface RemoteCheckFlags extends RemoteFlags {
  readonly rounds?: number;
}

const configText = "read the remotes of this configuration file, without a daemon";

export function addRemoteCommand(
  program: Command,
  offline: RemotesOffline,
  setExitCode: (code: number) => void,
): void {
  const remote = program
    .command("remote")
    .summary("list the buckets of the configuration, try and maintain them")
    .description(
      "A remote is a bucket of an object store, in a table [[remotes]] of the daemon's configuration " +
        "file. Without --config the daemon answers, with the credentials and the network that it has.",
    );
  addRemoteList(remote, offline.list, configText);
  addCheck(remote, offline, setExitCode);
  addRemoteRemove(remote, setExitCode);
  addRemoteGc(remote);
  addRemoteVerify(remote, setExitCode);
}

function addCheck(
  remote: Command,
  offline: RemotesOffline,
  setExitCode: (code: number) => void,
): void {
  remote
    .command("check")
    .summary("try a remote: permissions, and what stasis relies on")
    .description(
      "Stores, reads, lists and deletes small objects below check/ of the remote's prefix, and says in " +
        "plain words whether stasis can use this object store with these credentials. Exit code 11 if not.",
    )
    .argument("<name>", "name of the remote")
    .option("--config <file>", configText)
    .option(
      "--rounds <n>",
      "tries of each step that looks for stale answers (default: 20)",
      countArgument,
    )
    .action(async (name: string, _options: unknown, command: Command) => {
      const flags = command.optsWithGlobals<RemoteCheckFlags>();
      explainInterruption(() => "the check is incomplete, and may have left objects below check/");
      const verdict = await check(flags, name, offline);
      if (verdict?.usability === RemoteUsability.UNUSABLE || verdict === undefined) {
        setExitCode(exitCodes.problems);
      }
    });
}

async function check(
  flags: RemoteCheckFlags,
  name: string,
  offline: RemotesOffline,
): Promise<RemoteCheckVerdict | undefined> {
  const { config, rounds } = flags;
  if (config !== undefined) {
    const options = { signal: interruption().signal, ...(rounds === undefined ? {} : { rounds }) };
    return print(flags, offline.check(config, name, options));
  }
  return withSession(flags, ({ client, call }) =>
    print(flags, client.checkRemote({ remote: name, rounds: rounds ?? 0 }, call)),
  );
}

/** Prints the steps of a check. In text form, each step is printed as soon as it has ended. */
async function print(
  { json, quiet }: GlobalOptions,
  responses: AsyncIterable<CheckRemoteResponse>,
): Promise<RemoteCheckVerdict | undefined> {
  const steps: RemoteCheckStep[] = [];
  let verdict: RemoteCheckVerdict | undefined;
  for await (const { event } of responses) {
    if (event.case === "verdict") verdict = event.value;
    if (event.case !== "step") continue;
    steps.push(event.value);
    if (!json && !quiet) printErr(stepLine(event.value));
  }
  if (json) {
    const shown = {
      steps: steps.map((step) => messageJson(RemoteCheckStepSchema, step)),
      verdict: verdict === undefined ? null : messageJson(RemoteCheckVerdictSchema, verdict),
    };
    await printOut(renderJson(shown));
  } else if (verdict !== undefined) {
    await printOut(`${printable(verdict.summary)}\n`);
  }
  return verdict;
}

function stepLine({ name, outcome, detail }: RemoteCheckStep): string {
  const text = word(RemoteCheckOutcome[outcome]);
  const shown = outcome === RemoteCheckOutcome.FAILED ? red("FAILED ") : text.padEnd(7);
  return `${shown} ${name.padEnd(18)} ${printable(detail)}\n`;
}
