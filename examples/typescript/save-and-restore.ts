// Saves a tar as a snapshot, lists what is stored, and restores it into another tar:
// tar -C DIR -c . | node save-and-restore.js unix:/var/lib/stasis/stasis.sock nightly | tar -t
import { pipeline } from "node:stream/promises";
// Import "stasis" in your own program.
import { SparseFormat, connect } from "../../src/client/index.js";

const [address = "", name = ""] = process.argv.slice(2);
await using client = connect(address);

const { snapshot } = await client.create({ config: { name } }, process.stdin);
console.error("saved as", snapshot?.config?.id);

let pageToken = "";
do {
  const page = await client.list({ pageToken });
  for (const { config, sizeBytes } of page.snapshots) {
    console.error(config?.id, config?.name, sizeBytes);
  }
  pageToken = page.nextPageToken;
} while (pageToken !== "");

// GNU is the default, and most tar programs unpack it.
const download = await client.restore({ ref: name, sparseFormat: SparseFormat.GNU });
await pipeline(download.bytes, process.stdout);
