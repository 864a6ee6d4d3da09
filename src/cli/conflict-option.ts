// Defines the options of `create` and `import` for a name that is taken.
import type { Command } from "commander";
import { OnNameConflict } from "../client/index.js";
import { usageError } from "./exit-codes.js";

export interface ConflictOptions {
  readonly replace: boolean;
  readonly takeName: boolean;
}

export function addConflictOptions(command: Command): Command {
  return command
    .option(
      "--replace",
      "take the name over from the snapshot that has it, which is deleted",
      false,
    )
    .option("--take-name", "take the name over, and keep the old snapshot without a name", false);
}

export function conflictOf({ replace, takeName }: ConflictOptions): OnNameConflict {
  if (replace && takeName) throw usageError("--replace and --take-name exclude each other");
  if (takeName) return OnNameConflict.TAKE_NAME;
  return replace ? OnNameConflict.REPLACE : OnNameConflict.FAIL;
}
