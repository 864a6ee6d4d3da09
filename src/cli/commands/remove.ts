// Implements `stasis rm`, which deletes either all named snapshots or none.
import type { Command } from "commander";
import { DeleteResponseSchema } from "../../client/index.js";
import { messageJson, withSession, type GlobalOptions } from "../session.js";

interface RemoveOptions extends GlobalOptions {
  readonly allowMissing: boolean;
}

export function addRemoveCommand(program: Command): void {
  program
    .command("rm")
    .summary("delete snapshots")
    .description(
      "Deletes snapshots: all of them, or none if one of the refs is wrong or in use. Prints the " +
        "ids that were deleted.",
    )
    .argument("<ref...>", "ids, names or unique id prefixes")
    .option("--allow-missing", "skip refs that do not exist", false)
    .action(async (refs: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RemoveOptions>();
      await withSession(options, async (session) => {
        const { allowMissing } = options;
        const response = await session.client.delete({ refs, allowMissing }, session.call);
        await session.answer(
          () => messageJson(DeleteResponseSchema, response),
          () => response.deletedIds.map((id) => `${id}\n`).join(""),
        );
      });
    });
}
