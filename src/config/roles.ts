// The roles, for commands. Separate from the files that check roles, which are slow to load.
export { roles, type Role } from "../model/access.js";
