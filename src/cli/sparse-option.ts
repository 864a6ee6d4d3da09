// Parses the option --sparse of `restore` and `export`.
import { Option } from "commander";
import { SparseFormat } from "../client/index.js";

const formats = {
  gnu: SparseFormat.GNU,
  cocoon: SparseFormat.COCOON,
  none: SparseFormat.NONE,
} as const;

export type SparseFormatName = keyof typeof formats;

export function sparseOption(): Option {
  return new Option(
    "--sparse <format>",
    "how holes are written: gnu (default; tar programs and cocoon read it), cocoon (only cocoon and " +
      "stasis read it), none (as zeros; a note says how many bytes)",
  ).choices(Object.keys(formats));
}

/**
 * Returns the format to request. The default is sent as GNU and not left unset, because an older
 * daemon would treat an unset format as COCOON.
 */
export function sparseFormatOf(name: SparseFormatName = "gnu"): SparseFormat {
  return formats[name];
}
