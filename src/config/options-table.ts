// Renders the daemon's options and the keys of its peers and remotes as Markdown tables for the
// README.
import { daemonOptions } from "./daemon-options.js";
import type { Option } from "./option.js";
import { peerKeys } from "./peers.js";
import { remoteKeys } from "./remotes.js";

/**
 * Returns a table with one row per option, in the order of their definition. The text ends with a
 * newline.
 */
export function renderOptionsTable(): string {
  const rows = (Object.values(daemonOptions) as Option<unknown>[]).map((option) => [
    flagText(option),
    `\`${option.env}\``,
    `\`${option.key}\``,
    option.defaultText.startsWith("<") ? escape(option.defaultText) : `\`${option.defaultText}\``,
    escape(option.accepts),
    escape(option.doc),
  ]);
  return renderTable(
    ["Flag", "Environment", "File key", "Default", "Accepts", "What it does"],
    rows,
  );
}

/** Returns a table with one row per key of the tables [[peers]]. The text ends with a newline. */
export function renderPeersTable(): string {
  return renderKeys(peerKeys);
}

/** Returns a table with one row per key of the tables [[remotes]]. The text ends with a newline. */
export function renderRemotesTable(): string {
  return renderKeys(remoteKeys);
}

function renderKeys(keys: readonly { readonly key: string; readonly doc: string }[]): string {
  const rows = keys.map(({ key, doc }) => [`\`${key}\``, escape(doc)]);
  return renderTable(["Key", "What it is"], rows);
}

function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, header.map(() => "---"), ...rows];
  return `${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

function flagText(option: Option<unknown>): string {
  const argument = option.placeholder === undefined ? "" : ` ${option.placeholder}`;
  return `\`--${option.flag}${argument}\``;
}

/** Escapes bars, which would end a table cell, and angle brackets, which would be read as HTML. */
function escape(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
