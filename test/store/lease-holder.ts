// Holds a lease on a data directory as a client in its own process, until the lease ends or the
// process is killed.
import { connect } from "../../src/client/index.js";

const [address = "", ref = "", token] = process.argv.slice(2);
const client = connect(address, token === undefined ? {} : { token });
const lease = await client.openDataDirectory(ref);
process.stdout.write(`holds ${lease.directory}\n`);
await lease.closed;
