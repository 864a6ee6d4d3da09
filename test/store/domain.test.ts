// Runs the store suite on the domain itself.
import { storeSuite } from "./suite.js";
import { openDomainSubject } from "./domain-subject.js";

storeSuite("domain", openDomainSubject);
