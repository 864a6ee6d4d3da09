// Declares the package alias of version 13, which has the interface of version 12.
declare module "better-sqlite3-13" {
  import Database from "better-sqlite3";
  export = Database;
}
