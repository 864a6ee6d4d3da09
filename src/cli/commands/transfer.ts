// Implements `stasis pull`, `stasis push` and `stasis transfers`, which copy snapshots between
// nodes.
import type { Command } from "commander";
import {
  CancelTransferResponseSchema,
  ListTransfersResponseSchema,
  PullResponseSchema,
  PushResponseSchema,
  StoreError,
  type ListTransfersResponse,
  type PullResponse,
  type PushResponse,
} from "../../client/index.js";
import { sizeArgument } from "../arguments.js";
import { formatAge, formatBytes, printable } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import {
  messageJson,
  withProgress,
  withSession,
  type GlobalOptions,
  type Session,
} from "../session.js";
import { snapshotTitle } from "../show-snapshot.js";
import { renderTable } from "../table.js";

interface MoveOptions extends GlobalOptions {
  readonly as?: string;
  readonly repair?: boolean;
  readonly limitRate?: number;
  readonly requestId?: string;
  readonly source?: string;
  readonly keepExpiry: boolean;
}

const peerText = "the other daemon: its name in [[peers]] of this daemon, HOST:PORT or unix:PATH";
const rateText = "receive at most this much per second, for example 100MiB";

export function addPullCommand(program: Command): void {
  program
    .command("pull")
    .summary("fetch a snapshot from another node")
    .description(
      "Lets the daemon fetch REF from the daemon at PEER. Sends only the blocks that no snapshot here " +
        "has, and only the changed pages of changed blocks. Run it again after an interruption: it " +
        "continues where it stopped.",
    )
    .argument("<peer>", peerText)
    .argument("<ref>", "id, name or unique id prefix there; with --repair here")
    .option("--as <name>", "name to give it here")
    .option(
      "--repair",
      "read REF here again, and fetch what is damaged or missing in it from PEER, which must have the same",
    )
    .option("--keep-expiry", "let it expire when it does there (default: never)", false)
    .option("--limit-rate <size>", rateText, sizeArgument)
    .option("--request-id <uuid>", "makes a retry safe: the same id returns the first result")
    .action(async (source: string, ref: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<MoveOptions>();
      await withSession(options, async (session) => {
        const repair = options.repair === true;
        const request = { source, ref, repair, ...common(options) };
        const label = repair ? "repair" : "pull";
        await follow(session, label, session.client.pull(request, session.call));
      });
    });
}

export function addPushCommand(program: Command): void {
  program
    .command("push")
    .summary("send a snapshot to another node")
    .description(
      "Asks the daemon at PEER to pull REF from this one. It has to reach this daemon: at the " +
        "address of the daemon's option `advertise`, or of --source.",
    )
    .argument("<peer>", peerText)
    .argument("<ref>", "id, name or unique id prefix here")
    .option("--as <name>", "name to give it there")
    .option(
      "--source <address>",
      "address at which the other daemon reaches this one, or its name there",
    )
    .option("--keep-expiry", "let it expire when it does here (default: never)", false)
    .option("--limit-rate <size>", rateText, sizeArgument)
    .option("--request-id <uuid>", "makes a retry safe: the same id returns the first result")
    .action(async (target: string, ref: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<MoveOptions>();
      await withSession(options, async (session) => {
        const request = { target, ref, source: options.source ?? "", ...common(options) };
        await follow(session, "push", session.client.push(request, session.call));
      });
    });
}

export function addTransfersCommand(program: Command): void {
  program
    .command("transfers")
    .summary("list running and resumable pulls")
    .description("Lists the daemon's running and interrupted pulls.")
    .option("--cancel <digest>", "end the pull of this digest and discard its data")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly cancel?: string }>();
      await withSession(options, async (session) => {
        const { client, call } = session;
        if (options.cancel !== undefined) {
          const outcome = await client.cancelTransfer({ digest: options.cancel }, call);
          const text = outcome.found ? "cancelled\n" : "there is no such transfer\n";
          await session.answer(
            () => messageJson(CancelTransferResponseSchema, outcome),
            () => text,
          );
          return;
        }
        const response = await client.listTransfers(call);
        await session.answer(
          () => messageJson(ListTransfersResponseSchema, response),
          () => renderTransfers(response),
        );
      });
    });
}

function common({ as, limitRate, requestId, keepExpiry }: MoveOptions) {
  return {
    keepExpireTime: keepExpiry,
    name: as ?? "",
    limitBytesPerSecond: BigInt(limitRate ?? 0),
    requestId: requestId ?? "",
  };
}

type MoveResponse = PullResponse | PushResponse;

/** Shows the progress, and then the snapshot from the last message. */
async function follow(
  session: Session,
  label: string,
  messages: AsyncIterable<MoveResponse>,
): Promise<void> {
  explainInterruption(
    () => "the received data is kept for a while, and the same call continues from there",
  );
  let last: MoveResponse | undefined;
  let sums = { changedBytes: 0n, sentBytes: 0n };
  await withProgress(session, label, false, async (onProgress) => {
    for await (const message of messages) {
      last = message;
      if (message.event.case !== "progress") continue;
      const { doneBytes, totalBytes, changedBytes, sentBytes } = message.event.value;
      onProgress({ doneBytes: Number(doneBytes), totalBytes: Number(totalBytes) });
      sums = { changedBytes, sentBytes };
    }
  });
  const final = last;
  if (final?.event.case !== "snapshot") {
    throw new StoreError("DOWNLOAD_TRUNCATED", "the daemon's answer ended without the snapshot");
  }
  const snapshot = final.event.value;
  await session.answer(
    () =>
      final.$typeName === "stasis.v1.PullResponse"
        ? messageJson(PullResponseSchema, final)
        : messageJson(PushResponseSchema, final),
    () => `${snapshot.config?.id ?? ""}\n`,
  );
  const { changedBytes, sentBytes } = sums;
  const amounts = `${formatBytes(changedBytes)} changed, ${formatBytes(sentBytes)} travelled`;
  session.note(`stored ${snapshotTitle(snapshot)}: ${amounts}`);
}

function renderTransfers({ transfers }: ListTransfersResponse): string {
  const rows = transfers.map(({ digest, source, ref, active, progress, startedAt }) => {
    const { doneBytes = 0n, totalBytes = 0n } = progress ?? {};
    const state = active
      ? `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
      : "can be resumed";
    return [printable(digest), state, formatAge(startedAt), printable(source), printable(ref)];
  });
  return renderTable(["DIGEST", "STATE", "BEGUN", "PEER", "REF"], rows, { cut: "REF" });
}
