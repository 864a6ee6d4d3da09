// What can be done to a store that no daemon serves, in the words of the API: for the CLI.
import type { CheckOptions, RepairOptions } from "../model/finding.js";
import { checkOffline as check, repairOffline as repair } from "../snapshot/offline.js";
import { checkEventToMessage, repairedToMessage } from "../transport/services/finding-messages.js";

export async function* checkOffline(root: string, options: CheckOptions, signal: AbortSignal) {
  for await (const event of check(root, options, signal)) yield checkEventToMessage(event);
}

export async function* repairOffline(root: string, options: RepairOptions, signal: AbortSignal) {
  for await (const repaired of repair(root, options, signal)) yield repairedToMessage(repaired);
}
