// Lists the options of earlier versions. Setting such an option is an error that names its
// replacement. If the daemon ignored the option, it would not behave as its configuration says.
import { StoreError } from "../base/errors.js";

interface RemovedOption {
  readonly key: string;
  readonly flag: string;
  readonly env: string;
  /** The replacement, as a complete sentence without its full stop. */
  readonly instead: string;
}

export const removedOptions: readonly RemovedOption[] = [
  {
    key: "insecure_listen",
    flag: "insecure-listen",
    env: "STASIS_INSECURE_LISTEN",
    instead:
      'Write unauthenticated_tcp = "this-machine" or "network" to let callers over TCP in without ' +
      "credentials, or plaintext_network = true for tokens without TLS",
  },
];

/**
 * Returns the error for such an option. `where` is the place that sets the option, for example
 * `flag --insecure-listen`.
 */
export function removedOptionError({ key, instead }: RemovedOption, where: string): StoreError {
  return new StoreError("FIELD_INVALID", `${key}: there is no such option any more (${where})`, {
    hint: instead,
    fields: [{ field: key, description: `expected another option: ${instead}` }],
  });
}
