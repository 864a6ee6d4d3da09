// Implements `stasis update`, which changes name, description, labels, protection and the time of
// expiry.
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import { UpdateResponseSchema, type UpdateResponse } from "../../client/index.js";
import { collectLabel, collectWord, expiryArgument, type Labels } from "../arguments.js";
import { usageError } from "../exit-codes.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";
import { snapshotTitle } from "../show-snapshot.js";

interface UpdateOptions extends GlobalOptions {
  readonly name?: string;
  readonly description?: string;
  readonly label?: Labels;
  readonly removeLabel?: readonly string[];
  readonly protect?: boolean;
  /** The new time of expiry. False means that the snapshot does not expire. */
  readonly expires?: Date | false;
}

export function addUpdateCommand(program: Command): void {
  program
    .command("update")
    .summary("change name, description, labels, protection or the time of expiry")
    .argument("<ref>", "id, name or unique id prefix")
    .option("--name <name>", "new name; an empty text removes the name")
    .option("--description <text>", "new description")
    .option("--label <key=value>", "label to set; repeatable", collectLabel)
    .option("--remove-label <key>", "label to remove; repeatable", collectWord)
    .option("--protect", "never evict it by garbage collection")
    .option("--no-protect", "let garbage collection evict it")
    .option(
      "--expires <when>",
      "garbage collection evicts it after this: 12h, 30d or a time",
      expiryArgument,
    )
    .option("--no-expires", "it does not expire")
    .action(async (ref: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<UpdateOptions>();
      const paths = changedPaths(options);
      if (paths.length === 0) throw usageError("nothing to change");
      await withSession(options, async (session) => {
        const response = await update(session, ref, paths, options);
        await session.answer(
          () => messageJson(UpdateResponseSchema, response),
          () => `${response.snapshot?.config?.id ?? ""}\n`,
        );
        session.note(`updated ${snapshotTitle(response.snapshot)}`);
      });
    });
}

function changedPaths(options: UpdateOptions): string[] {
  const paths: string[] = [];
  if (options.name !== undefined) paths.push("name");
  if (options.description !== undefined) paths.push("description");
  if (options.label !== undefined || options.removeLabel !== undefined) paths.push("labels");
  if (options.protect !== undefined) paths.push("protected");
  if (options.expires !== undefined) paths.push("expire_time");
  return paths;
}

async function update(
  session: Session,
  ref: string,
  paths: string[],
  options: UpdateOptions,
): Promise<UpdateResponse> {
  return session.client.update(
    {
      ref,
      name: options.name ?? "",
      description: options.description ?? "",
      labels: paths.includes("labels") ? await changedLabels(session, ref, options) : {},
      protected: options.protect ?? false,
      ...(options.expires && { expireTime: timestampFromDate(options.expires) }),
      updateMask: { paths },
    },
    session.call,
  );
}

/**
 * Returns all labels after the change. The call replaces all labels, so the command first reads
 * those that stay.
 */
async function changedLabels(
  session: Session,
  ref: string,
  options: UpdateOptions,
): Promise<Record<string, string>> {
  const { snapshot } = await session.client.inspect(ref, session.call);
  const removed = new Set(options.removeLabel);
  const kept = Object.entries(snapshot?.config?.labels ?? {}).filter(([key]) => !removed.has(key));
  return { ...Object.fromEntries(kept), ...options.label };
}
