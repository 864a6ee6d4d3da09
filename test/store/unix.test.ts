// Runs the store suite through a client over a Unix socket.
import { storeSuite } from "./suite.js";
import { openUnixSubject } from "./wire-subject.js";

storeSuite("unix", openUnixSubject);
