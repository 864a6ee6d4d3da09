// The roles, for commands: apart from the files that check them, which take long to load.
export { roles, type Role } from "../model/access.js";
