// Implements `stasis remote rm`, which deletes snapshots from a remote.
import type { Command } from "commander";
import { codeOfReason } from "../../base/errors.js";
import { ErrorReason } from "../../../gen/ts/stasis/v1/errors_pb.js";
import {
  DeleteRemoteSnapshotsResponseSchema,
  RemoteDeletionOutcome,
  StoreError,
  type RemoteDeletion,
} from "../../client/index.js";
import { exitCodeOf } from "../exit-codes.js";
import { printable } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import { messageJson, withSession, type GlobalOptions } from "../session.js";

interface RemoteRemoveOptions extends GlobalOptions {
  readonly allowMissing: boolean;
}

export function addRemoteRemove(remote: Command, setExitCode: (code: number) => void): void {
  remote
    .command("rm")
    .summary("delete snapshots from a remote")
    .description(
      "Deletes snapshots from a remote, and prints their ids there. A wrong ref deletes nothing. A " +
        "snapshot on which a node depends is kept. `stasis remote gc` frees the space.",
    )
    .argument("<name>", "name of the remote")
    .argument("<ref...>", "ids at the remote, names or unique id prefixes")
    .option("--allow-missing", "skip refs that do not exist", false)
    .action(async (name: string, refs: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RemoteRemoveOptions>();
      explainInterruption(() => "some may have been deleted, run it again for the rest");
      await withSession(options, async (session) => {
        const { allowMissing } = options;
        const request = { remote: name, refs, allowMissing };
        const response = await session.client.deleteRemoteSnapshots(request, session.call);
        const { deletions } = response;
        await session.answer(
          () => messageJson(DeleteRemoteSnapshotsResponseSchema, response),
          () => deletions.filter(isDeleted).map(lineOf).join(""),
        );
        const left = deletions.filter(({ reason }) => reason !== ErrorReason.UNSPECIFIED);
        for (const { message } of left) session.warn(printable(message));
        const [first] = left;
        if (first !== undefined) setExitCode(exitCodeOf(errorOf(first)));
      });
    });
}

function isDeleted({ outcome }: RemoteDeletion): boolean {
  return outcome === RemoteDeletionOutcome.DELETED;
}

function lineOf({ id, name }: RemoteDeletion): string {
  return name === "" ? `${printable(id)}\n` : `${printable(id)}  ${printable(name)}\n`;
}

function errorOf({ reason, message }: RemoteDeletion): StoreError {
  const name = ErrorReason[reason] ?? "";
  return new StoreError(isKnown(name) ? name : "UNRECOGNIZED", message);
}

function isKnown(name: string): name is keyof typeof codeOfReason {
  return name in codeOfReason;
}
