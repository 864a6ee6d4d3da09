// Version of this program, from its package.json.
import { readFileSync } from "node:fs";

export function packageVersion(): string {
  // dist/src/daemon/ is three folders below the package.
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
