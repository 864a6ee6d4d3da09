// Exports the roles for use by commands. This file is separate from the files that check roles
// because those are slow to load.
export { roles, type Role } from "../model/access.js";
