// Implements `stasis inspect`, which shows all details of one snapshot.
import type { Command } from "commander";
import { InspectResponseSchema } from "../../client/index.js";
import { messageJson, withSession, type GlobalOptions } from "../session.js";
import { renderSnapshot } from "../show-snapshot.js";

export function addInspectCommand(program: Command): void {
  program
    .command("inspect")
    .summary("show all about a snapshot")
    .argument("<ref>", "id, name or unique id prefix")
    .action(async (ref: string, _options: unknown, command: Command) => {
      await withSession(command.optsWithGlobals<GlobalOptions>(), async (session) => {
        const response = await session.client.inspect(ref, session.call);
        const { snapshot } = response;
        await session.answer(
          () => messageJson(InspectResponseSchema, response),
          () => (snapshot === undefined ? "" : renderSnapshot(snapshot)),
        );
      });
    });
}
