// Finds the Node headers for building a native package.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Returns npm's flag for node-gyp, and the origin of the headers. `setting` is the user's nodedir.
 * The setting stays in force unless its headers belong to another Node. `own` is the folder in
 * which this Node is installed. An empty nodedir clears the setting, and node-gyp then downloads
 * the headers.
 */
export function chooseHeaders(setting, own) {
  if (setting !== undefined && fitsThisNode(setting)) return { flag: [], from: setting };
  if (fitsThisNode(own)) return { flag: [`--nodedir=${own}`], from: own };
  return { flag: setting === undefined ? [] : ["--nodedir="], from: "nodejs.org" };
}

/** With other headers, the package would compile, but its binary could not be loaded. */
function fitsThisNode(prefix) {
  const file = join(prefix, "include", "node", "node_version.h");
  if (!existsSync(file)) return false;
  const abi = /^#define NODE_MODULE_VERSION (\d+)/m.exec(readFileSync(file, "utf8"))?.[1];
  return abi === process.versions.modules;
}
