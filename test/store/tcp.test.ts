// Runs the store suite through a client over TCP.
import { storeSuite } from "./suite.js";
import { openTcpSubject } from "./wire-subject.js";

storeSuite("tcp", openTcpSubject);
