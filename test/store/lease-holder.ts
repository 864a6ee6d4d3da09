// Runs a client in its own process that holds a lease on a data directory until it is killed.
import { connect } from "../../src/client/index.js";

const [address = "", ref = "", token] = process.argv.slice(2);
const client = connect(address, token === undefined ? {} : { token });
const lease = await client.openDataDirectory(ref);
process.stdout.write(`holds ${lease.directory}\n`);
await lease.closed;
