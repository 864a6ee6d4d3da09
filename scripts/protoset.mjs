// `npm run protoset`: writes the descriptors of the API with their comments to dist/, for programs
// that work without reflection (`grpcurl -protoset`, `buf curl --schema`). They are part of a
// release.
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./run-tool.mjs";

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const target = join(root, "dist", `stasis-${version}.protoset`);
mkdirSync(join(root, "dist"), { recursive: true });
copyFileSync(join(root, "gen", "stasis.binpb"), target);
process.stdout.write(`${target}\n`);
