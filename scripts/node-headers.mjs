// Which headers of Node a native package is built with.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Returns npm's flag for node-gyp, and where the headers come from. `setting` is the user's
 * nodedir, which stays in force unless its headers are those of another Node; `own` is the folder
 * that this Node is installed in. An empty nodedir takes a setting back, and node-gyp downloads the
 * headers.
 */
export function chooseHeaders(setting, own) {
  if (setting !== undefined && fitsThisNode(setting)) return { flag: [], from: setting };
  if (fitsThisNode(own)) return { flag: [`--nodedir=${own}`], from: own };
  return { flag: setting === undefined ? [] : ["--nodedir="], from: "nodejs.org" };
}

/** A binary built with other headers compiles, and then cannot be loaded. */
function fitsThisNode(prefix) {
  const file = join(prefix, "include", "node", "node_version.h");
  if (!existsSync(file)) return false;
  const abi = /^#define NODE_MODULE_VERSION (\d+)/m.exec(readFileSync(file, "utf8"))?.[1];
  return abi === process.versions.modules;
}
