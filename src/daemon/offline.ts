// What can be done to a store that no daemon serves, in the words of the API: for the CLI.
import type { CheckOptions } from "../model/finding.js";
import { checkOffline as check } from "../snapshot/offline.js";
import { checkEventToMessage } from "../transport/services/finding-messages.js";

export async function* checkOffline(root: string, options: CheckOptions, signal: AbortSignal) {
  for await (const event of check(root, options, signal)) yield checkEventToMessage(event);
}
